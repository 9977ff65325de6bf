"""P4: from text to plan, beside what libyaml alone takes for the same text."""

from __future__ import annotations

import yaml

from benchmarks.measure import Report, Row, growth, repeat
from benchmarks.pipelines import chain, layered, realistic
from benchmarks.reading import definition_of
from yamlflow_nb.executors.registry import task_types
from yamlflow_nb.planning import plan

TARGETS = {50: 0.015, 10_000: 1.0}


def run(report: Report, full: bool) -> None:
    types = task_types()
    rows = []
    for n in (50, 1_000, 10_000):
        text = realistic(n)
        rows.append(report.add(Row("P4", "read, validate, plan", n, repeat(lambda text=text: plan(definition_of(text), types)))))
        alone = repeat(lambda text=text: sum(1 for _ in yaml.parse(text, Loader=yaml.CSafeLoader)))
        parser = report.add(Row("P4", "libyaml events alone", n, alone))
        if n in TARGETS:
            report.find("P4", f"{n:,} nodes", rows[-1].median, "s", TARGETS[n])
            report.find("P4", f"{n:,} nodes, libyaml alone", parser.median, "s")
    report.find("P4", "growth", growth(rows), "exponent")
    for what, text in (("a trigger of one atom", chain(10_000)), ("triggers of ten atoms", layered(10_000))):
        raw = repeat(lambda text=text: plan(definition_of(text), types))
        row = report.add(Row("P4", f"read, validate, plan: {what}", 10_000, raw))
        report.find("P4", f"10,000 nodes with {what}", row.median, "s", TARGETS[10_000])
