"""The trust table tells the truth about the suite."""

from __future__ import annotations

import subprocess
import sys

from tests.trust_table import TABLE, known_rows, report


def test_the_page_has_every_row_this_far():
    rows = known_rows(TABLE.read_text(encoding="utf-8"))
    expected = ["2A", *(f"B{n}" for n in range(1, 12)), "B31", "B34", *(f"F{n}" for n in range(47, 54))]
    assert list(rows) == expected


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
