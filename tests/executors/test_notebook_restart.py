"""Notebooks that fail and go on: 39 planted ones, each with its expected way on its first line (``planted/*.txt``).

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
    assert repr(execution.nodes["a"].outputs["result"]) == repr(uninterrupted(planted, name))
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


def test_restored_cells_are_shown_as_such_with_what_they_had_shown(folder: Folder) -> None:
    folder.notebook("a.ipynb", "print('once')\nn = 1", "n + 1", "raise RuntimeError('planted')")
    execution = folder.run(ONE)
    folder.notebook("a.ipynb", "print('once')\nn = 1", "n + 1", "result = n + 5")
    execution.retry()
    assert execution.wait(100).nodes["a"].outputs["result"] == 6
    cells = nbformat.read(folder.attempt(execution, name="r2-a1") / "a.ipynb", as_version=4).cells
    assert [cell.metadata.get("tags") for cell in cells] == [["restored"], ["restored"], None]
    assert cells[0].outputs[0].text == "once\n" and cells[1].outputs[0].data["text/plain"] == "2"
    assert [cell.execution_count for cell in cells] == [1, 2, 3]
    assert not list((folder.path / ".state").rglob("state.json")), "a completed notebook keeps no state"


def test_a_retry_by_itself_goes_on_and_a_second_failure_goes_on_from_there(folder: Folder) -> None:
    once = "import os\nif not os.path.exists('{0}'):\n    open('{0}', 'w').close()\n    raise RuntimeError('planted')"
    ledger = "open('ledger.txt', 'a').write('{}\\n')"
    folder.notebook(
        "a.ipynb", f"n = [1]\n{ledger.format(1)}", f"{once.format('b')}\nn.append(2)\n{ledger.format(2)}",
        "n.append(3)\n" + ledger.format(3), f"{once.format('d')}\nresult = n",
    )  # fmt: skip
    execution = folder.node("notebook", outputs={"result": "array"}, path="a.ipynb", retry={"maxAttempts": 3})
    assert execution.status == "completed" and execution.nodes["a"].outputs["result"] == [1, 2, 3], str(execution)
    assert (folder.path / "ledger.txt").read_text().split() == ["1", "2", "3"]
    assert "goes on at cell 2, with what attempt r1-a1 had done" in folder.log(execution, name="r1-a2")
    assert "goes on at cell 4, with what attempt r1-a2 had done" in folder.log(execution, name="r1-a3")


def test_restart_from_start_runs_every_cell_again(folder: Folder) -> None:
    text = "name: one\nnodes: [{id: a, type: notebook, path: a.ipynb, restart: fromStart, outputs: {result: any}}]"
    folder.notebook("a.ipynb", "open('ledger.txt', 'a').write('x')", "1 / 0")
    execution = folder.run(text)
    folder.notebook("a.ipynb", "open('ledger.txt', 'a').write('x')", "result = 1")
    execution.retry()
    assert execution.wait(100).status == "completed" and (folder.path / "ledger.txt").read_text() == "xx"


@pytest.mark.parametrize("said", ["yf.output(early=1)", "yf.emit('found')"])
def test_what_a_cell_told_the_pipeline_goes_with_its_attempt(folder: Folder, said: str) -> None:
    outputs = "{early: {type: integer, optional: true}}"
    text = f"name: one\nnodes: [{{id: a, type: notebook, path: a.ipynb, emits: [found], outputs: {outputs}}}]"
    folder.notebook("a.ipynb", f"import yamlflow_nb as yf\n{said}", "1 / 0")
    execution = folder.run(text)
    folder.notebook("a.ipynb", f"import yamlflow_nb as yf\n{said}", "n = 1")
    execution.retry()
    assert execution.wait(100).status == "completed", str(execution)
    name = said.partition("(")[0].removeprefix("yf.")
    assert f"starts over: cell 1, `{name}()`: what it told went with the failed attempt" in folder.log(execution, name="r2-a1")


def test_another_parameter_is_another_beginning(folder: Folder) -> None:
    folder.notebook("a.ipynb", "n = 0", "m = n * 2", "1 / 0 if n == 1 else None\nresult = m", tags={1: "parameters"})
    code = f"import os; n = 2 if os.path.exists({str(folder.path / 'two')!r}) else 1"
    nodes = [
        {"id": "b", "type": "python", "code": code, "outputs": {"n": "integer"}},
        {"id": "a", "type": "notebook", "path": "a.ipynb", "inputBindings": {"n": "{{ b.n }}"}, "outputs": {"result": "any"}},
    ]
    execution = folder.run(json.dumps({"name": "two", "nodes": nodes}))
    assert execution.nodes["a"].state == "failed", str(execution)
    (folder.path / "two").touch()
    execution.retry(with_nodes=["b"])
    assert execution.wait(100).nodes["a"].outputs["result"] == 4, str(execution)
    assert any("its text: it was changed" in line for line in folder.log(execution, name="r2-a1"))


@pytest.mark.parametrize(
    "spoil", [lambda text: text.replace('\\"n\\": 1', '\\"n\\": 7'), lambda text: text[:40]], ids=["changed", "cut"]
)
def test_a_state_that_was_tampered_with_is_not_used(folder: Folder, spoil: Callable[[str], str]) -> None:
    folder.notebook("a.ipynb", "n = 1", "1 / 0")
    execution = folder.run(ONE)
    state = next((folder.path / ".state").rglob("state.json"))
    state.write_text(spoil(state.read_text()))
    folder.notebook("a.ipynb", "n = 1", "result = n")
    execution.retry()
    assert execution.wait(100).nodes["a"].outputs["result"] == 1
    assert any("the state that was kept: it cannot be read" in line for line in folder.log(execution, name="r2-a1"))


@pytest.mark.trust("B20")
def test_a_secret_is_in_no_state_that_is_kept(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YAMLFLOW_SECRET_API", "canary-0815-canary")
    cells = [
        "import os, numpy as np, pandas as pd, yamlflow_nb as yf\ntoken = os.environ['TOKEN']",
        "asked = yf.secret('api')\nos.environ['COPY'] = 'x' + asked",
        "rows = [asked]; table = pd.DataFrame({'a': [asked]}); array = np.array([asked])",
    ]
    node = {"id": "a", "type": "notebook", "path": "a.ipynb", "env": {"TOKEN": "{{ secrets.api }}"}, "outputs": {"result": "any"}}
    folder.notebook("a.ipynb", *cells, "1 / 0")
    execution = folder.run(json.dumps({"name": "one", "nodes": [node]}))
    assert execution.nodes["a"].state == "failed", str(execution)
    kept = [path for path in (folder.path / ".state").rglob("*") if path.is_file()]
    needles = [b"canary-0815", "canary-0815".encode("utf-32-le")]
    assert kept and not [path for path in kept for needle in needles if needle in path.read_bytes()]
    folder.notebook("a.ipynb", *cells, "result = len(asked)")
    execution.retry()
    assert execution.wait(100).nodes["a"].outputs["result"] == 18
    assert any("starts over" in line and "secret" in line for line in folder.log(execution, name="r2-a1"))
