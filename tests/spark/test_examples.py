"""The year of flights on Spark, as `make demo-spark` runs it."""

from __future__ import annotations

from pathlib import Path

import yamlflow_nb as yf

FLIGHTS = Path(__file__).resolve().parents[2] / "examples" / "flights"


def test_the_year_of_flights_is_added_up_on_spark(tmp_path: Path) -> None:
    execution = yf.start(FLIGHTS / "spark.pipeline.yaml", store=tmp_path / "store.db").wait(280)
    assert execution.status == "completed", str(execution)
    assert execution.outputs == {"rows": 36, "worst_month": 2}
    year = yf.read(execution.nodes["year"].outputs["result"], store=tmp_path / "store.db")
    assert year["flights"].sum() == 336_776 and year["month"].is_monotonic_increasing
