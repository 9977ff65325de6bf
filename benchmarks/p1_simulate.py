"""P1: the engine alone. `simulate` over a definition that is already read; nothing is committed to disk."""

from __future__ import annotations

from typing import Any

from benchmarks.measure import Report, Row, growth, repeat, slope
from benchmarks.pipelines import SHAPES
from benchmarks.reading import definition_of
from yamlflow_nb.testing import simulate

TARGET_MICROSECONDS, TARGET_GROWTH = 25.0, 1.05


def run(report: Report, full: bool) -> None:
    sizes = [100, 1_000, 10_000, 100_000] if full else [100, 1_000, 10_000]
    for name, shape in SHAPES.items():
        rows = []
        for n in sizes:
            definition = definition_of(shape(n))
            done = simulate(definition)
            if done.status != "completed":
                raise RuntimeError(f"{name} of {n} ended {done.status}: nothing to measure")
            rows.append(report.add(_measure(name, n, definition)))
            if n == 10_000:
                again = report.add(Row("P1", f"simulate {name} again", n, repeat(lambda d=definition: simulate(d))))
                report.find("P1", f"{name}: again, with the plan of the first time", again.median / n * 1e6, "µs a node")
        upto = [row for row in rows if row.n <= 10_000]
        report.find("P1", f"{name}: slope up to 10,000", slope(upto) * 1e6, "µs a node", TARGET_MICROSECONDS)
        report.find("P1", f"{name}: growth {rows[-2].n:,} to {rows[-1].n:,}", growth(rows), "exponent", TARGET_GROWTH)
    _bare_call(report)


def _measure(name: str, n: int, definition: Any) -> Row:
    def anew() -> Any:
        definition.parsed.plan = None
        return simulate(definition)

    return Row("P1", f"simulate {name}", n, repeat(anew, times=5), note="plan included; nothing durable")


def _bare_call(report: Report) -> None:
    def work(value: int) -> dict[str, int]:
        return {"value": value}

    n = 10_000
    row = report.add(Row("P1", "bare Python calls beside it", n, repeat(lambda: {f"n{i}": work(i) for i in range(n)})))
    report.find("P1", "bare Python call", row.median / n * 1e6, "µs a node")
