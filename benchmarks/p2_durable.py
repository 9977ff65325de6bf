"""P2: a durable run beside the floor: the same rows by bare ``sqlite3``, one FULL transaction a wave, in turns."""

from __future__ import annotations

import gc
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.measure import Report, Row, growth, slope
from benchmarks.pipelines import SHAPES, WIDTH

if TYPE_CHECKING:
    from yamlflow_nb.domain.work import Work

TARGETS = {"chain": 1.5, "fan-out/in": 3.0, "layered": 2.0}
_TABLES = """
CREATE TABLE events (execution_id TEXT, number INTEGER, at REAL, type TEXT, source TEXT, payload TEXT, round INTEGER,
    PRIMARY KEY (execution_id, number)) WITHOUT ROWID;
CREATE TABLE nodes (execution_id TEXT, node TEXT, state TEXT, at REAL, PRIMARY KEY (execution_id, node)) WITHOUT ROWID;
CREATE TABLE variables (execution_id TEXT, scope TEXT, name TEXT, value TEXT, PRIMARY KEY (execution_id, scope, name))
    WITHOUT ROWID;
"""


def run(report: Report, full: bool) -> None:
    sizes = (100, 1_000, 10_000) if full else (100, 1_000)
    times = 5 if full else 3
    for shape, target in TARGETS.items():
        ours: list[Row] = []
        floor: list[Row] = []
        for n in sizes:
            taken, bare = in_turns(partial(durable, SHAPES[shape](n)), partial(bare_sqlite, waves(shape, n)), times)
            ours.append(report.add(Row("P2", f"{shape}, durable", n, taken, per=n, note="events, states, variables, facts; FULL")))
            floor.append(report.add(Row("P2", f"{shape}, floor", n, bare, per=n, note="two events, a state, a variable; FULL")))
        report.find("P2", f"{shape}: a node", slope(ours) * 1e6, "µs")
        report.find("P2", f"{shape}: a node of the floor", slope(floor) * 1e6, "µs")
        report.find("P2", f"{shape}: durable over the floor", slope(ours) / slope(floor), "x", target)
        report.find("P2", f"{shape}: growth exponent", growth(ours), "", None)


def in_turns(one: Callable[[], float], other: Callable[[], float], times: int) -> tuple[list[float], list[float]]:
    """Seconds of both, measured in turns, after a first turn that is not counted."""
    taken: tuple[list[float], list[float]] = ([], [])
    for turn in range(times + 1):
        pair = one(), other()
        if turn:
            for raw, seconds in zip(taken, pair):
                raw.append(seconds)
    return taken


class Nothing:
    """An executor of ``python`` nodes that does nothing."""

    api = 1

    def execute(self, work: Work) -> Mapping[str, Any]:
        """No work, one output."""
        return {"n": 1}


def durable(text: str, executor: Any = None) -> float:
    """A run with no-op Python nodes on a store of its own; reading and planning the text apart, and what these leave to the
    cycle collector."""
    from yamlflow_nb.domain.event import Started
    from yamlflow_nb.domain.ports.repository import ExecutionRecord
    from yamlflow_nb.executors.registry import task_types
    from yamlflow_nb.infrastructure.artifacts import LocalArtifacts
    from yamlflow_nb.infrastructure.store.sqlite_repository import SQLiteRepository
    from yamlflow_nb.infrastructure.system_clock import SystemClock
    from yamlflow_nb.language.validation import validate_text
    from yamlflow_nb.loop.kernel_loop import KernelLoop
    from yamlflow_nb.planning import plan

    definition, _ = validate_text(text, task_types())
    assert definition is not None
    made = plan(definition, task_types())
    with tempfile.TemporaryDirectory() as folder:
        store = SQLiteRepository(Path(folder) / "store.db")
        clock, artifacts = SystemClock(), LocalArtifacts(Path(folder))
        loop = KernelLoop(store, {"python": executor or Nothing()}, artifacts, clock, runs_folder=Path(folder) / "runs")
        record = ExecutionRecord("e1", "p", None, "", text, "", "", "", {}, "running", None, "", clock.now())
        gc.collect()
        start = time.perf_counter()
        run_ = loop.start(record, made, Started(clock.now()))
        run_.wait()
        taken = time.perf_counter() - start
        if run_.state.status != "completed":
            raise RuntimeError(f"the run is {run_.state.status}: {run_.lost or run_.state.error}")
        loop.close()
        store.close()
    return taken


def bare_sqlite(sizes: Iterable[int], commits: list[float] | None = None) -> float:
    """Two events, a state and a variable for each node, one FULL transaction a wave; ``commits`` takes the seconds of each."""
    with tempfile.TemporaryDirectory() as folder:
        connection = sqlite3.connect(Path(folder) / "floor.db", isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.executescript(_TABLES)
        gc.collect()
        start, number, node = time.perf_counter(), 0, 0
        for size in sizes:
            events, states, values = [], [], []
            for _ in range(size):
                node += 1
                for kind in ("started", "completed"):
                    number += 1
                    events.append(("e1", number, 1.5, f"n{node}.{kind}", f"n{node}", "{}", 1))
                states.append(("e1", f"n{node}", "completed", 1.5))
                values.append(("e1", f"n{node}", "n", "1"))
            begun = time.perf_counter()
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", events)
            connection.executemany("INSERT OR REPLACE INTO nodes VALUES (?, ?, ?, ?)", states)
            connection.executemany("INSERT OR REPLACE INTO variables VALUES (?, ?, ?, ?)", values)
            connection.execute("COMMIT")
            if commits is not None:
                commits.append(time.perf_counter() - begun)
        taken = time.perf_counter() - start
        connection.close()
    return taken


def waves(shape: str, n: int) -> list[int]:
    """How many nodes can run at one moment, one after another."""
    if shape == "chain":
        return [1] * n
    return [1, n - 2, 1] if shape == "fan-out/in" else [WIDTH] * (n // WIDTH)
