"""A store on a disk that is mounted read-only: everything can be looked at, nothing can be started."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-c", "from yamlflow_nb.cli import main; main()"]
TEXT = "name: one\nnodes: [{id: a, type: python, code: x = 1, outputs: {x: integer}}]\n"


def said(store: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "YAMLFLOW_STORE": str(store)}
    return subprocess.run([*COMMAND, *words], env=environment, capture_output=True, text=True, cwd=store.parent)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Path]:
    """A store with one execution, mounted read-only where that can be done, else without the right to write."""
    folder, shown = tmp_path / "store", tmp_path / "shown"
    folder.mkdir()
    shown.mkdir()
    (tmp_path / "one.pipeline.yaml").write_text(TEXT)
    assert said(folder / "store.db", "run", str(tmp_path / "one.pipeline.yaml")).returncode == 0
    if os.geteuid() != 0:
        folder.chmod(0o500)
        yield folder / "store.db"
        folder.chmod(0o700)
        return
    subprocess.run(["mount", "--bind", str(folder), str(shown)], check=True)
    subprocess.run(["mount", "-o", "remount,ro,bind", str(shown)], check=True)
    yield shown / "store.db"
    subprocess.run(["umount", str(shown)], check=True)


@pytest.mark.slow
@pytest.mark.trust("F17")
def test_looking_works_and_starting_says_why_not(store: Path, tmp_path: Path) -> None:
    for words in (["list"], ["show"], ["events"], ["vars"]):
        outcome = said(store, *words)
        assert (outcome.returncode, outcome.stderr) == (0, ""), words
        assert "one" in outcome.stdout or "a" in outcome.stdout
    outcome = said(store, "run", str(tmp_path / "one.pipeline.yaml"))
    assert outcome.returncode == 2 and outcome.stderr.count("YF607") == 1, outcome.stderr
    assert "Traceback" not in outcome.stderr
