"""What is measured is what it is called: shapes, slopes, exponents."""

from __future__ import annotations

import pytest

from benchmarks.measure import Report, Row, growth, slope
from benchmarks.pipelines import SHAPES, for_each, realistic
from yamlflow_nb.testing import simulate, validate


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_has_as_many_nodes_as_asked_for_and_completes(shape):
    run = simulate(SHAPES[shape](50))
    assert (len(run.nodes), run.status) == (50, "completed")


def test_the_realistic_document_is_valid():
    assert [finding.render() for finding in validate(realistic(50)) if finding.severity == "error"] == []


def test_for_each_gives_each_item():
    outcomes = {"each": lambda item, index, attempt: {"outputs": {"x": item * 2}}}
    assert simulate(for_each(), {"items": [1, 2, 3]}, outcomes=outcomes).nodes["each"].outputs["x"] == [2, 4, 6]


def test_slope_drops_the_start_up_and_growth_is_one_for_linear_work():
    rows = [Row("P", "w", 100, [1.0 + 0.1]), Row("P", "w", 1_000, [1.0 + 1.0]), Row("P", "w", 10_000, [1.0 + 10.0])]
    bare = [Row("P", "w", 1_000, [1.0]), Row("P", "w", 10_000, [10.0])]
    assert slope(rows) == pytest.approx(0.001)
    assert growth(bare) == pytest.approx(1.0)


def test_a_finding_knows_whether_its_target_is_met():
    report = Report()
    report.find("P1", "one", 24.0, "µs", 25.0)
    report.find("P1", "two", 26.0, "µs", 25.0)
    report.find("P1", "three", 26.0, "µs")
    assert [found.met for found in report.findings] == [True, False, None]
