"""P8: somebody approves in a terminal: from the decision to the start of the node that waited for it, while another process drives
the run, and also while that process's main thread is busy; and the whole command beside it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import Report, Row

_OWNER = """
import sys, time
from pathlib import Path
import yamlflow_nb
execution = yamlflow_nb.start(Path(sys.argv[1]), store=sys.argv[2])
execution.wait(60, or_waiting=True)
print(execution.id, flush=True)
until = time.monotonic() + 600
while sys.argv[3] == "busy" and execution.status == "waiting" and time.monotonic() < until:
    sum(range(20_000))
execution.wait(600)
"""
_CLI = "from yamlflow_nb.cli import main; main()"


def run(report: Report, full: bool) -> None:
    n = 40 if full else 15
    for state in ("idle", "busy"):
        resumed, whole = approved(n, state)
        row = report.add(Row("P8", f"approve to resumed, owner {state}", n, resumed, note="decision made to node started"))
        report.add(Row("P8", f"yamlflow approve, whole command to node started, owner {state}", n, whole, note="cold"))
        p95 = sorted(row.raw)[max(0, -(-len(row.raw) * 95 // 100) - 1)]
        report.find("P8", f"approve to resumed, owner {state}, p95", p95 * 1e3, "ms", 100.0)
    report.find("P8", "yamlflow approve, whole command to node started, p50", sorted(whole)[len(whole) // 2] * 1e3, "ms")


def approved(n: int, state: str) -> tuple[list[float], list[float]]:
    """Seconds from each decision, and from the start of its command, to the start of the node behind it."""
    nodes = [
        line
        for k in range(n)
        for line in (
            f"  - {{id: ask{k}, type: approval}}",
            f"  - {{id: go{k}, type: python, code: pass, startWhen: event:ask{k}.completed}}",
        )
    ]
    with tempfile.TemporaryDirectory() as folder:
        file, store = Path(folder) / "asks.pipeline.yaml", str(Path(folder) / "store.db")
        file.write_text("\n".join(["name: asks", "nodes:", *nodes]) + "\n", encoding="utf-8")
        owner = subprocess.Popen([sys.executable, "-c", _OWNER, str(file), store, state], stdout=subprocess.PIPE, text=True)
        assert owner.stdout is not None
        name = owner.stdout.readline().strip()
        begun: list[float] = []
        for k in range(n):
            begun.append(time.time())
            command = [sys.executable, "-c", _CLI, "approve", f"ask{k}", name, "--store", store]
            subprocess.run(command, check=True, capture_output=True)
        owner.wait(60)
        return _times(store, n, begun)


def _times(store: str, n: int, begun: list[float]) -> tuple[list[float], list[float]]:
    from yamlflow_nb.bootstrap import store_service

    service = store_service(store)
    decided = {row["node"]: row["at"] for row in service.query("SELECT node, at FROM decisions")}
    started = {row["source"]: row["at"] for row in service.query("SELECT source, at FROM events WHERE type LIKE 'go%.started'")}
    resumed = [started[f"go{k}"] - decided[f"ask{k}"] for k in range(n)]
    return resumed, [started[f"go{k}"] - begun[k] for k in range(n)]
