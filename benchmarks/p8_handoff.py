"""P8: a node has finished, the next one starts: with the commit between them. The browser's part is not here."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Report, Row
from benchmarks.p2_durable import Nothing, bare_sqlite, durable
from benchmarks.pipelines import chain

if TYPE_CHECKING:
    from yamlflow_nb.domain.work import Work

TARGET_MILLISECONDS = 5.0


class Timed:
    """An executor that notes when each node begins, and when it is done."""

    api = 1

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.begun: list[float] = []
        self.done: list[float] = []

    def execute(self, work: Work) -> Mapping[str, Any]:
        """What the executor inside does."""
        self.begun.append(time.perf_counter())
        outputs: Mapping[str, Any] = self.inner.execute(work)
        self.done.append(time.perf_counter())
        return outputs

    @property
    def gaps(self) -> list[float]:
        """Seconds from each node's end to the next one's begin."""
        return [begun - done for done, begun in zip(self.done, self.begun[1:])]


def run(report: Report, full: bool) -> None:
    n, times = (2_000, 5) if full else (500, 3)
    with tempfile.TemporaryDirectory() as folder:
        for what, inner in (("no-op", Nothing()), ("python, `code: pass`", _python(Path(folder)))):
            p50, p99 = _handed_on(inner, n, times)
            report.add(Row("P8", f"{what}: finished to next started, p50", n, p50, note="a chain; the commit between them, FULL"))
            worst = report.add(Row("P8", f"{what}: finished to next started, p99", n, p99, note="of each run"))
            report.find("P8", f"{what}: finished to next started, p99", worst.median * 1e3, "ms", TARGET_MILLISECONDS)
    floor = report.add(Row("P8", "a commit of the floor", n, [bare_sqlite([1] * n) / n for _ in range(times)], note="mean; FULL"))
    report.find("P8", "a commit of the floor", floor.median * 1e3, "ms")


def _python(folder: Path) -> Any:
    from yamlflow_nb.executors.python import PythonExecutor
    from yamlflow_nb.infrastructure.artifacts import LocalArtifacts

    return PythonExecutor(LocalArtifacts(folder))


def _handed_on(inner: Any, n: int, times: int) -> tuple[list[float], list[float]]:
    """The median and the 99th of a hundred of each run's hand-overs, in seconds."""
    text, middle, late = chain(n), [], []
    for _ in range(times):
        timed = Timed(inner)
        durable(text, timed)
        middle.append(statistics.median(timed.gaps))
        late.append(statistics.quantiles(timed.gaps, n=100)[98])
    return middle, late
