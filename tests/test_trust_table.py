"""The trust table tells the truth about the suite."""

from __future__ import annotations

import re
import subprocess
import sys

from tests.trust_table import TABLE, known_rows, report

# Rows are added with the change that makes them true, and never taken away.
PROMISED = [
    "2A", *(f"B{n}" for n in range(1, 21)), *(f"B{n}" for n in range(26, 32)), "B33", "B34", "B35", "B36", "B38", "B39",
    "F7", "F14", "F15", "F42", "F43", "F67", "F68", "F69", "F70", "F75", *(f"F{n}" for n in range(23, 40)),
    *(f"F{n}" for n in range(46, 54)),
]  # fmt: skip


def test_the_page_keeps_every_row_that_was_promised():
    rows = known_rows(TABLE.read_text(encoding="utf-8"))
    assert [row for row in PROMISED if row not in rows] == []


def test_the_rows_stand_in_order_and_once():
    rows = re.findall(r"^\| ([A-Z])([0-9]+) \|", TABLE.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == sorted(set(rows), key=lambda row: (row[0], int(row[1])))


def test_a_row_without_a_test_is_named():
    _, wrong = report({"B1": "refused", "B2": "refused"}, {"B1": {"tests/a.py::test_one": None}})
    assert wrong == ["row B2 has no test"]


def test_a_mark_that_names_no_row_is_named():
    _, wrong = report({"B1": "refused"}, {"B1": {"a": None}, "B99": {"b": None}})
    assert wrong == ["the mark 'B99' names no row of trust.md"]


def test_a_part_of_a_row_counts_for_the_row():
    lines, wrong = report({"2A": "refused"}, {"2A:huge power": {"tests/a.py::test_power": None}})
    assert wrong == [] and lines == ["2A   refused", "       tests/a.py::test_power"]


def test_every_row_has_a_test_in_this_suite(request):
    command = [sys.executable, "-m", "tests.trust_table"]
    outcome = subprocess.run(command, cwd=request.config.rootpath, capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stderr
