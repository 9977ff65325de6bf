"""Fork: a run of 1,000 nodes has ended, and one of its last is to run again. How long until that begins in the new execution."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

from benchmarks.measure import Report, Row
from benchmarks.pipelines import layered


def run(report: Report, full: bool) -> None:
    n = 1_000
    here, elsewhere = measured(n, 7 if full else 5)
    note = "compare, take over, one commit; the handle of the process that ran it"
    row = report.add(Row("fork", "fork of an execution to the first node that runs", n, here, note=note))
    report.find("fork", "fork of 1,000 nodes: first node that runs", row.median * 1e3, "ms", 200.0)
    note = "the same for an execution that is read back from the store first: definition, facts, replay"
    row = report.add(Row("fork", "fork of an execution that another process ran", n, elsewhere, note=note))
    report.find("fork", "fork of 1,000 nodes, read back from the store first", row.median * 1e3, "ms")


def measured(n: int, times: int) -> tuple[list[float], list[float]]:
    """Seconds from the call to the first line of the first task: with the run in memory, and read back by services that are new."""
    from yamlflow_nb import bootstrap

    with tempfile.TemporaryDirectory() as folder:
        text = layered(n)
        last = f"l{n // 10 - 1}_0"
        mark = Path(folder) / "mark"
        work = f"import time\n      with open({str(mark)!r}, 'w') as told: told.write(str(time.perf_counter()))"
        text = text.replace(
            f"- id: {last}\n    type: python\n    code: pass\n", f"- id: {last}\n    type: python\n    code: |\n      {work}\n"
        )
        store = Path(folder) / "store.db"
        executions = bootstrap._make(bootstrap._place(store)).executions
        origin = executions.start(text, wait=True, folder=folder)
        here = [_forked(origin, last, mark) for _ in range(times)]
        elsewhere = []
        for _ in range(times):
            other = bootstrap._make(bootstrap._place(store)).executions
            started = time.perf_counter()
            read_back = other.get(origin.id)
            elsewhere.append(time.perf_counter() - started + _forked(read_back, last, mark))
            other.close()
        executions.close()
        os.sync()
    return here, elsewhere


def _forked(origin, node: str, mark: Path) -> float:  # type: ignore[no-untyped-def]
    mark.unlink(missing_ok=True)
    started = time.perf_counter()
    made = origin.fork(at=node).wait()
    assert made.status == "completed" and sum(one.reused is None for one in made.nodes.values()) == 1
    return float(mark.read_text()) - started
