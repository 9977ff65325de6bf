"""Notebooks that fail and go on: 36 planted ones, each with its expected way on its first line (``planted/*.txt``).

A cell marked ``fails`` raises until it is mended between two attempts, one marked ``dies`` kills its kernel; side effects of the
cells before are counted in ``ledger.txt``; what comes out is compared with a run that nothing interrupted.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.executors.running import Folder, failure
from yamlflow_nb.services.execution import Execution

PLANTED = Path(__file__).parent / "planted"
NAMES = sorted(path.stem for path in PLANTED.glob("*.txt"))
ONE = "name: one\nnodes: [{id: a, type: notebook, path: a.ipynb, outputs: {result: any}}]"
LIBRARY = """
RATE, KNOWN = 7, []
class Box:
    kind = "box"
def tripled(x):
    return x * 3
def remember(x):
    KNOWN.append(x)
    return len(KNOWN)
"""


class Planted:
    """One planted notebook: its expected way and its cells, whole and broken."""

    def __init__(self, name: str) -> None:
        first, rest = (PLANTED / f"{name}.txt").read_text().split("\n", 1)
        self.way = first.removeprefix("# ")
        marks = re.findall(r"^# %%(.*)$", rest, re.MULTILINE)
        self.cells = [cell.strip() for cell in re.split(r"^# %%.*$", rest, flags=re.MULTILINE)[1:]]
        self.failing = next(at for at, mark in enumerate(marks) if mark.strip())
        self.breaks = {"fails": "raise RuntimeError('planted')", "dies": "import os; os.kill(os.getpid(), 9)"}[
            marks[self.failing].strip()
        ]

    def broken(self) -> list[str]:
        cells = list(self.cells)
        cells[self.failing] = self.breaks
        return cells


def _lay_out(folder: Folder) -> None:
    (folder.path / "lib").mkdir(exist_ok=True)
    (folder.path / "lib" / "planted_lib.py").write_text(LIBRARY)
    (folder.path / "lib" / "planted_acts.py").write_text("N = 3\nopen('acts.txt', 'a').write('x')\n")
    (folder.path / "input.txt").write_text("head\nsecond\nlast\n")
    (folder.path / "script.py").write_text("def defined_there(x):\n    return x + 1\n")


def _between(name: str, planted: Planted, folder: Folder) -> None:
    if name == "upstream_cell_edited":
        planted.cells[0] = "factor = 5"
    if name == "input_file_changed":
        (folder.path / "input.txt").write_text("other\n")


def _notes(execution: Execution) -> str:
    return str(execution)


@pytest.fixture
def uninterrupted(tmp_path: Path) -> Callable[[Planted, str], Any]:
    def run(planted: Planted, name: str) -> Any:
        other = Folder(tmp_path / "whole")
        other.path.mkdir()
        _lay_out(other)
        if name == "input_file_changed":
            (other.path / "input.txt").write_text("other\n")
        other.notebook("a.ipynb", *planted.cells)
        execution = other.run(ONE)
        assert execution.status == "completed", str(execution)
        other.close()
        return execution.nodes["a"].outputs["result"]

    return run


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_goes_on_at_the_failed_cell_or_says_why_it_starts_over(
    folder: Folder, name: str, uninterrupted: Callable[[Planted, str], Any]
) -> None:
    planted = Planted(name)
    _lay_out(folder)
    folder.notebook("a.ipynb", *planted.broken())
    execution = folder.run(ONE)
    assert execution.status == "failed" and failure(execution).startswith(f"cell {planted.failing + 1}"), str(execution)
    _between(name, planted, folder)
    folder.notebook("a.ipynb", *planted.cells)
    execution.retry()
    execution.wait(100)
    assert execution.status == "completed", str(execution)
    told = json.dumps(folder.log(execution, name="r2-a1"))
    assert execution.nodes["a"].outputs["result"] == uninterrupted(planted, name)
    if planted.way.startswith("continues"):
        assert f"goes on at cell {planted.failing + 1}" in told, told
        again = planted.way.partition("running cell")[2].strip("s ").removesuffix(" again")
        assert ("ran again" in told) == bool(again) and (not again or f"cell {again}" in told), told
        ledger = folder.path / "ledger.txt"
        assert ledger.exists() and set(Counter(ledger.read_text().split()).values()) == {1}, ledger.read_text()
    else:
        about = planted.way.removeprefix("starts over: ").replace('"', '\\"')
        assert f"starts over: {about}" in told, told


def test_most_of_the_planted_notebooks_go_on() -> None:
    ways = Counter(Planted(name).way.partition(" ")[0].strip(",:") for name in NAMES)
    assert len(NAMES) >= 30 and ways["continues"] >= 18 and ways["starts"] <= 12
