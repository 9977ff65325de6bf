"""P3: wide: fan-in and fan-out of 10,000 nodes, and one node over 10,000 items."""

from __future__ import annotations

from benchmarks.measure import Report, Row, growth, repeat
from benchmarks.pipelines import fan, for_each
from benchmarks.reading import definition_of
from yamlflow_nb.testing import simulate

TARGET_SECONDS = 2.0


def run(report: Report, full: bool) -> None:
    rows = []
    for n in (1_000, 10_000):
        text = fan(n)
        raw = repeat(lambda text=text: simulate(text))
        rows.append(report.add(Row("P3", "fan-out/in from the text on", n, raw, note="read, checked, planned, simulated")))
    report.find("P3", "fan-out/in of 10,000, whole", rows[-1].median, "s", TARGET_SECONDS)
    report.find("P3", "fan-out/in: growth", growth(rows), "exponent", 1.05)
    definition, rows = definition_of(for_each()), []
    outcomes = {"each": lambda item, index, attempt: {"state": "completed", "outputs": {"x": item}}}
    for n in (1_000, 10_000):
        items = {"items": list(range(n))}
        done = simulate(definition, items, outcomes=outcomes)
        if done.nodes["each"].outputs["x"] != items["items"]:
            raise RuntimeError("forEach gave other values than it was given")
        rows.append(report.add(Row("P3", "forEach", n, repeat(lambda items=items: simulate(definition, items, outcomes=outcomes)))))
    report.find("P3", "forEach of 10,000 items, whole", rows[-1].median, "s", TARGET_SECONDS)
    report.find("P3", "forEach: growth", growth(rows), "exponent", 1.05)
