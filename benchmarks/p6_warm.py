"""P6 with warm kernels: what a notebook node of three cells takes beyond its cells' own time, from the node's start to its end in
the store: with time between two notebooks, back to back, two side by side, and with a kernel that is started for it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import Report, Row

_CELLS = ("import time\nbegun = time.perf_counter()", "total = sum(range(n))", "own = time.perf_counter() - begun")
_PROGRAM = """
import sys, time
from pathlib import Path
import yamlflow_nb
path, store, isolation, nodes = Path(sys.argv[1]), sys.argv[2], sys.argv[4], sys.argv[6]
times, pause = int(sys.argv[3]), float(sys.argv[5])
node = "{id: %s, type: notebook, path: three.ipynb, isolation: " + isolation + ", outputs: {own: number, total: integer}}"
text = "name: one\\nnodes:\\n" + "".join(f"  - {node % name}\\n" for name in nodes)
for turn in range(times + 1):
    run = yamlflow_nb.run(text, store=store, folder=path.parent)
    for node_run in (run.nodes[name] for name in nodes):
        if turn:
            print("overhead", node_run.finished_at - node_run.started_at - node_run.outputs["own"], flush=True)
    time.sleep(pause)
"""


def run(report: Report, full: bool) -> None:
    times = 21 if full else 7
    ways = {
        "warm, half a second between two": ("warm", 0.5, "a", 60.0),
        "warm, back to back": ("warm", 0.0, "a", 250.0),
        "warm, two side by side": ("warm", 0.5, "ab", None),
        "a kernel started for it": ("fresh", 0.0, "a", None),
    }
    note = "papermill and the kernel's client are imported; n runs of a pipeline, durable"
    with tempfile.TemporaryDirectory() as folder:
        path = _notebook(Path(folder))
        for what, (isolation, pause, nodes, target) in ways.items():
            raw = _overheads(path, times, isolation, pause, nodes)
            row = report.add(Row("P6", f"a notebook node, {what}", times, raw, note=note))
            report.find(
                "P6", f"a notebook node of three cells, {what}: overhead over its cells, p50", row.median * 1e3, "ms", target
            )


def _notebook(folder: Path) -> Path:
    import nbformat

    cells = [nbformat.v4.new_code_cell("n = 1000", metadata={"tags": ["parameters"]}), *map(nbformat.v4.new_code_cell, _CELLS)]
    path = folder / "three.ipynb"
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)
    return path


def _overheads(path: Path, times: int, isolation: str, pause: float, nodes: str) -> list[float]:
    given = (str(path), str(path.parent / "store.db"), str(times), isolation, str(pause), nodes)
    outcome = subprocess.run([sys.executable, "-c", _PROGRAM, *given], capture_output=True, text=True, timeout=60 + 20 * times)
    found = [float(line.split()[1]) for line in outcome.stdout.splitlines() if line.startswith("overhead ")]
    if len(found) != times * len(nodes):
        raise RuntimeError(f"exit code {outcome.returncode}: {outcome.stderr[-800:]}")
    return found
