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
        kinds = {"no-op": Nothing(), "python, `code: pass`": _python(Path(folder))}
        for what, inner in kinds.items():
            ours: list[list[float]] = []
            floor: list[list[float]] = []
            for _ in range(times):
                ours.append(_handed_on(inner, n))
                commits: list[float] = []
                bare_sqlite([1] * n, commits)
                floor.append(commits)
            name = f"{what}: finished to next started"
            report.add(Row("P8", f"{name}, p50", n, [_percentile(gaps, 50) for gaps in ours], note="the commit between them; FULL"))
            late = report.add(Row("P8", f"{name}, p99", n, [_percentile(gaps, 99) for gaps in ours], note="of each run"))
            bare = report.add(Row("P8", f"{what}: a commit of the floor, p99", n, [_percentile(gaps, 99) for gaps in floor]))
            report.find("P8", f"{name}, p99", late.median * 1e3, "ms", TARGET_MILLISECONDS)
            report.find("P8", f"{what}: a commit of the floor beside it, p99", bare.median * 1e3, "ms")


def _python(folder: Path) -> Any:
    from yamlflow_nb.executors.python import PythonExecutor
    from yamlflow_nb.infrastructure.artifacts import LocalArtifacts

    return PythonExecutor(LocalArtifacts(folder))


def _handed_on(inner: Any, n: int) -> list[float]:
    """Seconds of each hand-over of one run."""
    timed = Timed(inner)
    durable(chain(n), timed)
    return timed.gaps


def _percentile(seconds: list[float], percent: int) -> float:
    return statistics.quantiles(seconds, n=100)[percent - 1]
