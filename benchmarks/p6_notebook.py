"""P6: what a notebook node of three cells takes beyond its cells' own time, cold, beside plain ``papermill.execute_notebook``."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import Report, Row

_CELLS = (
    "import time\nbegun = time.perf_counter()",
    "total = sum(range(n))",
    "own = time.perf_counter() - begun\nprint('own', own)",
)
_OURS = '''
import sys, time
from pathlib import Path
import yamlflow_nb
path, store, times = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
text = """
name: one
nodes:
  - {id: a, type: notebook, path: three.ipynb, isolation: fresh, inputBindings: {n: 1000},
     outputs: {own: number, total: integer}}
"""
for turn in range(times + 1):
    run = yamlflow_nb.run(text, store=store, folder=path.parent)
    node = run.nodes["a"]
    if turn:
        print("overhead", node.finished_at - node.started_at - node.outputs["own"], flush=True)
'''
_PAPERMILL = """
import logging, sys, time
from pathlib import Path
import papermill
logging.getLogger("papermill").setLevel(logging.ERROR)
path, times = Path(sys.argv[1]), int(sys.argv[3])
for turn in range(times + 1):
    begun = time.perf_counter()
    made = papermill.execute_notebook(str(path), str(path.parent / "out.ipynb"), {"n": 1000}, progress_bar=False)
    took = time.perf_counter() - begun
    said = [output["text"] for cell in made.cells for output in cell.get("outputs", ()) if output.get("output_type") == "stream"]
    if turn:
        print("overhead", took - float("".join(said).split("own")[1]), flush=True)
"""


def run(report: Report, full: bool) -> None:
    times = 11 if full else 5
    note = "papermill and the kernel's client are imported; the kernel is started for each notebook; n nodes one after the other"
    with tempfile.TemporaryDirectory() as folder:
        path = _notebook(Path(folder))
        rows = {
            what: report.add(Row("P6", what, times, _overheads(program, path, times), note=note))
            for what, program in (("papermill.execute_notebook", _PAPERMILL), ("a notebook node", _OURS))
        }
    ours, plain = rows["a notebook node"].median, rows["papermill.execute_notebook"].median
    report.find("P6", "a notebook node of three cells: overhead over its cells, p50", ours * 1e3, "ms")
    report.find("P6", "papermill.execute_notebook beside it", plain * 1e3, "ms")
    report.find("P6", "a notebook node beside plain papermill", ours / plain, "x")


def _notebook(folder: Path) -> Path:
    import nbformat

    cells = [nbformat.v4.new_code_cell("n = 1", metadata={"tags": ["parameters"]}), *map(nbformat.v4.new_code_cell, _CELLS)]
    path = folder / "three.ipynb"
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)
    return path


def _overheads(program: str, path: Path, times: int) -> list[float]:
    command = [sys.executable, "-c", program, str(path), str(path.parent / "store.db"), str(times)]
    outcome = subprocess.run(command, capture_output=True, text=True, timeout=60 + 20 * times)
    found = [float(line.split()[1]) for line in outcome.stdout.splitlines() if line.startswith("overhead ")]
    if len(found) != times:
        raise RuntimeError(f"exit code {outcome.returncode}: {outcome.stderr[-800:]}")
    return found
