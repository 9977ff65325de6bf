"""The process is killed while a real notebook runs in its kernel, on rows of a real database."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.chaos.fire import ROOT, Nursery, Range

_CELL = """
import os
line = os.open(os.environ["CHAOS_LEDGER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
os.write(line, b"features None 0 start\\n")
if os.path.exists(os.environ["CHAOS_GATE"]):
    open(os.environ["CHAOS_GATE"], "w").close()
    import threading
    threading.Event().wait()
twice = total * 2
os.write(line, b"features None 0 done\\n")
"""


def _made(folder: Path) -> Path:
    """The pipeline with its notebook and its database, in a folder of its own."""
    folder.mkdir()
    for name in ("notebook.pipeline.yaml", "chaos_tasks.py"):
        shutil.copy(ROOT / "tests" / "chaos" / name, folder / name)
    cell = {"cell_type": "code", "metadata": {}, "id": "a", "outputs": [], "execution_count": None, "source": _CELL}
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    book = {"nbformat": 4, "nbformat_minor": 5, "metadata": kernel, "cells": [cell]}
    (folder / "half.ipynb").write_text(json.dumps(book))
    with contextlib.closing(sqlite3.connect(folder / "data.db")) as data:
        data.execute("CREATE TABLE numbers (n INTEGER)")
        data.executemany("INSERT INTO numbers VALUES (?)", [(n,) for n in range(10)])
        data.commit()
    text = (folder / "notebook.pipeline.yaml").read_text().replace("sqlite:///data.db", f"sqlite:///{folder}/data.db")
    (folder / "notebook.pipeline.yaml").write_text(text)
    return folder / "notebook.pipeline.yaml"


@pytest.mark.slow
@pytest.mark.trust("F1")
def test_a_notebook_that_died_with_its_process_runs_again_and_the_query_before_it_does_not(
    nursery: Nursery, tmp_path: Path
) -> None:
    at, file, gate = Range(nursery, tmp_path / "at"), _made(tmp_path / "flow"), tmp_path / "gate"
    os.mkfifo(gate)
    process = at.begin(do="start", source=str(file), gate=str(gate))
    gate.open().close()  # the cell is at work, and hangs
    at.kill(process)
    left = at.left()
    assert (left.completed, left.running) == ({"rows"}, ["features"])
    gate.unlink()
    at.begin(do="resume", id=left.id, gate=str(gate))
    assert nursery.ended() == 0, nursery.errors.read_text()[-2000:]
    after = at.left()
    assert after.status == "completed" and after.variables["last.n"] == "91"
    assert after.events[: len(left.events)] == left.events
    assert [kind for _, kind, _ in after.events].count("rows.started") == 1
    assert after.runs["features", "None"] == 2 and after.runs["last", "None"] == 1
    copies = sorted(path.parent.name for path in (tmp_path / "at" / "runs").rglob("half.ipynb"))
    assert copies == ["r1-a1", "r1-a2"], "each attempt has its own copy"
