"""P11: what waiting costs (an event from outside, an approval): share of a core and statements of SQL a second; and the memory of
a durable run of 10,000 nodes."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.measure import Report, Row
from benchmarks.pipelines import layered

WAITING = {
    "an event": "name: idle\nnodes: [{id: a, type: wait, event: custom.go}]",
    "an approval": "name: idle\nnodes: [{id: a, type: approval, message: go?}]",
}
_IDLE = """
import json, sys, time
import yamlflow_nb
from yamlflow_nb.bootstrap import services
run = yamlflow_nb.start(sys.argv[1], store=sys.argv[2])
while run.status != "waiting":
    time.sleep(0.01)
database = services(sys.argv[2]).executions._repository.database
statements = []
for connection in (database.reader, database.writer):
    connection.set_trace_callback(lambda statement: statements.append(statement) if "data_version" not in statement else None)
seconds, begun, used = float(sys.argv[3]), time.monotonic(), time.process_time()
time.sleep(seconds)
took = time.monotonic() - begun
print(json.dumps({"cpu": (time.process_time() - used) / took, "sql": len(statements) / took}))
run.cancel()
"""
_MEMORY = """
import gc, json, resource, sys
from pathlib import Path
import yamlflow_nb
from yamlflow_nb.bootstrap import preload, services
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
preload()
before = resident()
run = yamlflow_nb.run(Path(sys.argv[1]), store=sys.argv[2])
assert run.status == "completed"
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
gc.collect()
print(json.dumps({"peak": peak - before, "after": resident() - before, "import": before}))
"""


def run(report: Report, full: bool) -> None:
    seconds = 60 if full else 12
    for what, text in WAITING.items():
        with tempfile.TemporaryDirectory() as folder:
            found = _said(_IDLE, text, str(Path(folder) / "store.db"), str(seconds))
        note = f"share of a core over {seconds} s, one process that drives one execution"
        report.add(Row("P11", f"waiting for {what}: CPU", seconds, [found["cpu"]], note=note))
        report.find("P11", f"waiting for {what}: share of a core", found["cpu"] * 100, "%", 0.5)
        report.find("P11", f"waiting for {what}: statements of SQL", found["sql"], "a second", 1.0)
    n = 10_000
    peaks = []
    for _ in range(3 if full else 1):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "wide.pipeline.yaml"
            file.write_text(layered(n), encoding="utf-8")
            peaks.append(_said(_MEMORY, str(file), str(Path(folder) / "store.db"))["peak"] / 1024**2)
    report.find("P11", f"a durable run of {n:,} nodes: peak of memory above import", sorted(peaks)[len(peaks) // 2], "MB", 150.0)


def _said(program: str, *arguments: str) -> dict[str, Any]:
    outcome = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=600)
    if outcome.returncode != 0:
        raise RuntimeError(f"exit code {outcome.returncode}: {outcome.stderr[-800:]}")
    found: dict[str, Any] = json.loads(outcome.stdout.splitlines()[-1])
    return found
