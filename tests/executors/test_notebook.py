"""Notebook tasks in real kernels: what they give, what they leave, how they fail."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import nbformat
import pytest

from tests.executors.running import Folder, failure


def test_outputs_are_read_from_the_kernel_by_name(folder: Folder) -> None:
    source = folder.notebook("a.ipynb", "month = 1", "n = month * 2\nname = 'x'", tags={1: "parameters"})
    before = source.read_bytes()
    execution = folder.node("notebook", {"month": 5}, {"n": "integer", "name": "string"}, path="a.ipynb")
    assert execution.status == "completed", str(execution)
    assert execution.nodes["a"].outputs["n"] == 10 and execution.nodes["a"].outputs["name"] == "x"
    assert source.read_bytes() == before
    executed = nbformat.read(folder.attempt(execution) / "a.ipynb", as_version=4)
    assert executed.cells[1].source == "# Parameters\nmonth = 5" and executed.cells[1].metadata.tags == ["injected-parameters"]


def test_equal_results_make_byte_equal_copies(folder: Folder) -> None:
    folder.notebook("a.ipynb", "import warnings, sys\nprint('out'); print('err', file=sys.stderr)", "warnings.warn('odd')", "3 * 7")
    hashes, text = set(), ""
    for _ in range(2):
        execution = folder.node("notebook", {"month": 1}, path="a.ipynb")
        data = (folder.attempt(execution) / "a.ipynb").read_bytes()
        hashes.add(hashlib.sha256(data).hexdigest())
        text = data.decode()
    assert len(hashes) == 1
    assert "start_time" not in text and "papermill" not in json.loads(text)["metadata"] and "UserWarning: odd" in text


def test_cells_without_ids_get_the_same_ones_each_time(folder: Folder) -> None:
    path = folder.notebook("old.ipynb", "n = 1")
    old = json.loads(path.read_text())
    old["nbformat_minor"] = 4
    for cell in old["cells"]:
        del cell["id"]
    path.write_text(json.dumps(old))
    copies = {(folder.attempt(folder.node("notebook", path="old.ipynb")) / "old.ipynb").read_bytes() for _ in range(2)}
    assert len(copies) == 1


def test_cells_done_are_progress_and_output_is_followed_live(folder: Folder) -> None:
    gate = folder.path / "go"
    wait = f"import os, time\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.02)"
    folder.notebook("a.ipynb", "1", "print('before the gate')", wait, "2")
    execution = folder.start("name: one\nnodes: [{id: a, type: notebook, path: a.ipynb}]")
    seen = None
    for _ in range(600):
        seen = execution.snapshot()["nodes"][0]["progress"]
        if seen and seen["done"] == 2 and "before the gate" in folder.log(execution):
            break
        execution.wait(0.05)
    assert seen == {"done": 2, "total": 4, "text": "cells"} and "2 of 4 cells" in str(execution)
    gate.touch()
    assert execution.wait(30).status == "completed"


def test_a_failing_cell_is_told_by_number_line_and_error_without_a_wall(folder: Folder) -> None:
    folder.notebook("a.ipynb", "x = 1", "y = 2\nz = 0\n1 / z", "never = True", tags={1: "parameters"})
    execution = folder.node("notebook", {"x": 3}, path="a.ipynb")
    assert failure(execution) == "cell 2, line 3: division by zero"
    assert "Traceback" not in str(execution)
    assert "ZeroDivisionError" in (folder.attempt(execution) / "a.ipynb").read_text()


def test_the_executed_copy_runs_by_itself(folder: Folder) -> None:
    folder.notebook("a.ipynb", "total = int(table.n.sum()) + len(long)")
    execution = folder.run("""\
name: two
nodes:
  - {id: make, type: python, code: "import pandas as pd; table = pd.DataFrame({'n': [1, 2]}); long = 'x' * 70000",
     outputs: {table: dataframe, long: any}}
  - {id: a, type: notebook, path: a.ipynb, inputBindings: {table: "{{ make.table }}", long: "{{ make.long }}"},
     outputs: {total: integer}}
""")
    assert execution.nodes["a"].outputs["total"] == 70_003, str(execution)
    cell = nbformat.read(folder.attempt(execution) / "a.ipynb", as_version=4).cells[0].source
    assert 'table = yamlflow_nb.read("artifact:' in cell


def test_save_to_keeps_a_copy_and_never_overwrites_the_source(folder: Folder) -> None:
    folder.notebook("a.ipynb", "1 + 1")
    assert folder.node("notebook", path="a.ipynb", saveTo="out/done.ipynb").status == "completed"
    assert '"2"' in (folder.path / "out" / "done.ipynb").read_text()
    assert "is the notebook itself" in failure(folder.node("notebook", path="a.ipynb", saveTo="a.ipynb"))


def test_what_a_notebook_says_arrives_while_it_runs(folder: Folder) -> None:
    folder.notebook(
        "a.ipynb",
        "import yamlflow_nb as yf\nyf.output(early=[1, 2])\nyf.progress(1, 3, 'rows')\nyf.log('so far', 1)\n"
        "yf.emit('found', rows=3)\n"
        "try:\n    yf.emit('lost')\nexcept Exception as error:\n    told = str(error)",
    )
    execution = folder.run("""\
name: one
nodes:
  - {id: a, type: notebook, path: a.ipynb, emits: [found], outputs: {early: array, told: string}}
  - {id: b, type: python, code: "n = rows", startWhen: "event:a.found", inputBindings: {rows: "{{ a.events.found.rows }}"},
     outputs: {n: integer}}
""")
    assert execution.nodes["a"].outputs["early"] == [1, 2] and execution.nodes["b"].outputs["n"] == 3, str(execution)
    assert "may not emit 'lost'" in execution.nodes["a"].outputs["told"]
    assert "so far 1" in folder.log(execution)
    types = [event.type for event in execution.events]
    assert types.index("a.found") < types.index("a.completed")


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import sys; sys.exit(0)", "cell 1: sys.exit(0) ended the notebook before its last cell; tag the cell `may-exit`"),
        ("import sys; sys.exit(3)", "cell 1: sys.exit(3) ended the notebook"),
        ("exit()", "cell 1: sys.exit(0) ended the notebook"),
        ("import os; os._exit(0)", "cell 1: the kernel ended itself (exit code 0)"),
    ],
)
@pytest.mark.trust("F28")
def test_ending_a_notebook_early_is_no_success(folder: Folder, code: str, told: str) -> None:
    folder.notebook("a.ipynb", code, "n = 1")
    execution = folder.node("notebook", path="a.ipynb")
    assert execution.status == "failed" and failure(execution).startswith(told), failure(execution)


@pytest.mark.trust("F28")
def test_sys_exit_0_is_success_where_the_cell_declares_it(folder: Folder) -> None:
    folder.notebook("a.ipynb", "n = 4", "import sys; sys.exit(0)", "n = 5", tags={2: "may-exit"})
    execution = folder.node("notebook", outputs={"n": "integer"}, path="a.ipynb")
    assert execution.status == "completed" and execution.nodes["a"].outputs["n"] == 4, str(execution)


@pytest.mark.trust("F29")
def test_thirty_megabytes_of_output_are_cut_with_a_marker(folder: Folder) -> None:
    show = "from IPython.display import HTML; HTML('y' * 8_000_000)"
    folder.notebook("a.ipynb", "for _ in range(30): print('x' * 999_999)", show, "n = 1")
    execution = folder.node("notebook", outputs={"n": "integer"}, path="a.ipynb")
    assert execution.status == "completed", str(execution)
    executed = folder.attempt(execution) / "a.ipynb"
    assert executed.stat().st_size < 6_000_000
    text = executed.read_text()
    assert "output beyond 5 MiB is left out, 23.6 MiB of this cell" in text and "7.6 MiB of this cell" in text
    assert (folder.attempt(execution) / "log.txt").stat().st_size < 6_000_000


def test_a_notebook_that_is_none_is_told(folder: Folder) -> None:
    (folder.path / "a.ipynb").write_text("{}")
    assert "cannot be read as a notebook" in failure(folder.node("notebook", path="a.ipynb"))


def test_files_of_notebooks_with_braces_in_their_names_are_names_and_no_templates(folder: Folder) -> None:
    folder.notebook("{month}.ipynb", "n = 1")
    execution = folder.node("notebook", {"month": "../../x"}, {"n": "integer"}, path="{month}.ipynb")
    assert execution.status == "completed", str(execution)
    assert [path.name for path in folder.attempt(execution).glob("*.ipynb")] == ["{month}.ipynb"]
    assert not list(Path(folder.path).glob("**/x*"))
