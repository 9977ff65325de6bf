"""P5: an expression is parsed once; what one evaluation takes."""

from __future__ import annotations

import statistics
import time
from typing import Any

from benchmarks.measure import Report, Row, repeat
from yamlflow_nb.domain.names import Absent
from yamlflow_nb.language.evaluation import evaluate
from yamlflow_nb.language.value_parser import parse_template

VALUES: dict[str, Any] = {
    "a": {"n": 3, "name": "flights", "list": list(range(100)), "rows": [{"id": i} for i in range(10)], "share": 0.25, "none": None},
    "b": {"ok": True, "text": "2013-02-08", "words": ["x", "y", "z"]},
}
CORPUS = [
    "a.n > 0", "a.n == 3 and b.ok", "not b.ok or a.n < 10", "1 < a.n <= 5", "a.name == 'flights'", "a.list[3]", "a.list[2:5]",
    "a['name']", "len(a.list)", "sum(a.list)", "max(a.list)", "a.n + 1", "a.n * 2 - 1", "a.n / 2", "a.n // 2", "a.n % 2",
    "'x' in b.words", "a.rows[0].id", "a.missing | default(0)", "defined(a.missing)", "coalesce(a.none, a.n)", "str(a.n)",
    "int('12')", "round(a.share, 1)", "upper(a.name)", "split('a,b,c', ',')", "join(b.words, '-')", "replace(a.name, 'f', 'g')",
    "a.n if b.ok else 0", "[a.n, a.share]", "{'k': a.n}", "json(a.rows)", "from_json('[1, 2]')", "date(b.text)",
    "add_days(date(b.text), 1)", "format_date(date(b.text), '%Y')", "basename('x/y.csv')", "sorted(a.list, reverse=true)",
    "unique(b.words)", "keys(a)", "range(0, 10)", "zip(b.words, [1, 2, 3])", "any([b.ok])", "contains(a.list, 5)",
]  # fmt: skip
TARGET_ONE, TARGET_CORPUS = 5.0, 50.0


class PoolNames:
    """The values above, by name; what is not there is absent."""

    def lookup(self, name: str) -> Any:
        return VALUES[name] if name in VALUES else Absent(name, None, None)

    lookup_now = lookup


def _tree(text: str) -> Any:
    template = parse_template("{{ " + text + " }}")
    if template is None:
        raise RuntimeError(f"{text} is no template")
    return template.expressions[0]


def run(report: Report, full: bool) -> None:
    names, calls = PoolNames(), 10_000
    tree = _tree("a.n > 0")
    values = VALUES

    def closure() -> bool:
        return bool(values["a"]["n"] > 0)

    ours = repeat(lambda: [evaluate(tree, names) for _ in range(calls)], times=11)
    bare = repeat(lambda: [closure() for _ in range(calls)], times=11)
    row = report.add(Row("P5", "a.n > 0", calls, ours, per=calls))
    beside = report.add(Row("P5", "a Python closure beside it", calls, bare, per=calls))
    report.find("P5", "a.n > 0", row.median / calls * 1e6, "µs", TARGET_ONE)
    report.find("P5", "a Python closure", beside.median / calls * 1e6, "µs")
    single: list[float] = []
    for text in CORPUS:
        expression = _tree(text)
        for _ in range(1_000 if full else 200):
            start = time.perf_counter()
            evaluate(expression, names)
            single.append(time.perf_counter() - start)
    single.sort()
    half, high = statistics.median(single), single[int(len(single) * 0.99)]
    report.rows.append(Row("P5", "corpus, p50 and p99 of single calls", len(single), [half, high]))
    report.find("P5", f"corpus of {len(CORPUS)} expressions, p50", half * 1e6, "µs")
    report.find("P5", f"corpus of {len(CORPUS)} expressions, p99", high * 1e6, "µs", TARGET_CORPUS)
