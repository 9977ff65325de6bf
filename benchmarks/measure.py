"""Times a piece of work, several times, and keeps every raw figure."""

from __future__ import annotations

import gc
import math
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Row:
    """One measured thing: ``raw`` are seconds of each repetition; ``per`` is what one repetition did that many times."""

    measure: str
    what: str
    n: int
    raw: list[float]
    per: int = 1
    note: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.raw)

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "median": self.median}


@dataclass
class Finding:
    """What the rows say: a figure beside its target."""

    measure: str
    what: str
    value: float
    unit: str
    target: float | None = None

    @property
    def met(self) -> bool | None:
        return None if self.target is None else self.value <= self.target

    def to_dict(self) -> dict[str, Any]:
        return {**asdict(self), "met": self.met}


@dataclass
class Report:
    rows: list[Row] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def add(self, row: Row) -> Row:
        self.rows.append(row)
        print(f"  {row.measure} {row.what}, n={row.n}: median {_readable(row.median)} of {len(row.raw)}", flush=True)
        return row

    def find(self, measure: str, what: str, value: float, unit: str, target: float | None = None) -> None:
        self.findings.append(Finding(measure, what, value, unit, target))


def repeat(work: Callable[[], Any], times: int = 5, warm: bool = True) -> list[float]:
    """Seconds of each call, after one that is not counted. The collector runs as in production, from a clean start each time."""
    if warm:
        work()
    raw = []
    for _ in range(times):
        gc.collect()
        start = time.perf_counter()
        kept = work()
        raw.append(time.perf_counter() - start)
        del kept
    return raw


def slope(rows: Iterable[Row]) -> float:
    """Seconds a node between the smallest and the largest size: start-up drops out."""
    ordered = sorted(rows, key=lambda row: row.n)
    first, last = ordered[0], ordered[-1]
    return (last.median - first.median) / (last.n - first.n)


def growth(rows: Iterable[Row]) -> float:
    """The exponent between the two largest sizes: 1.0 is linear."""
    smaller, larger = sorted(rows, key=lambda row: row.n)[-2:]
    return math.log(larger.median / smaller.median) / math.log(larger.n / smaller.n)


def _readable(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} µs"
