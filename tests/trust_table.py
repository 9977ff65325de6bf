"""``make trust-table``: the rows of docs/reference/trust.md with the tests that hold them up; fails on a row without one."""

from __future__ import annotations

import contextlib
import io
import re
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "docs" / "reference" / "trust.md"
_ROW = re.compile(r"^\| ([A-Z0-9]+) \| (.+?) \| (.+?) \|$")


def known_rows(text: str) -> dict[str, str]:
    """Row → what it gets, of the page."""
    return {found[1]: found[3] for line in text.splitlines() if (found := _ROW.match(line))}


def row_of(mark: str) -> str:
    """``2A:huge power`` stands under row ``2A``."""
    return mark.split(":", 1)[0]


class MarkCollector:
    """Pytest plugin: which tests bear which row's mark."""

    def __init__(self) -> None:
        self.tests: dict[str, dict[str, None]] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            for mark in item.iter_markers("trust"):
                for row in mark.args:
                    self.tests.setdefault(str(row), {})[item.nodeid.split("[")[0]] = None


def report(rows: dict[str, str], tests: dict[str, dict[str, None]]) -> tuple[list[str], list[str]]:
    """The printed lines, and what is wrong: rows without a test, marks without a row."""
    by_row: dict[str, dict[str, None]] = {}
    for mark, names in tests.items():
        by_row.setdefault(row_of(mark), {}).update(names)
    lines = []
    for row, gets in rows.items():
        lines.append(f"{row:4} {gets}")
        lines += [f"       {name}" for name in by_row.get(row, {"-- no test --": None})]
    wrong = [f"row {row} has no test" for row in rows if row not in by_row]
    wrong += [f"the mark {row!r} names no row of {TABLE.name}" for row in sorted(by_row) if row not in rows]
    return lines, wrong


def collect(arguments: Iterable[str] = ("tests",)) -> dict[str, dict[str, None]]:
    """The marks of the suite, without running it."""
    collector = MarkCollector()
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        words = ["--collect-only", "-q", "--rootdir", str(ROOT), "--ignore=tests/browser", *arguments]
        outcome = pytest.main(words, plugins=[collector])
    if outcome not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        sys.exit(f"{said.getvalue()}\nthe tests could not be collected")
    return collector.tests


def main() -> int:
    lines, wrong = report(known_rows(TABLE.read_text(encoding="utf-8")), collect())
    print("\n".join(lines))
    if wrong:
        print("\n" + "\n".join(wrong), file=sys.stderr)
        return 1
    print(f"\n{len([line for line in lines if line[0] != ' '])} rows, each with a test")
    return 0


if __name__ == "__main__":
    sys.exit(main())
