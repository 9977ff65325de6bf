"""The year of flights on Spark, as `make demo-spark` runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import yamlflow_nb as yf

FLIGHTS = Path(__file__).resolve().parents[2] / "examples" / "flights"


def test_the_year_of_flights_is_added_up_on_spark(tmp_path: Path) -> None:
    execution = yf.start(FLIGHTS / "spark.pipeline.yaml", store=tmp_path / "store.db").wait(280)
    assert execution.status == "completed", str(execution)
    assert execution.outputs == {"rows": 36, "worst_month": 2}
    year = yf.read(execution.nodes["year"].outputs["result"], store=tmp_path / "store.db")
    assert year["flights"].sum() == 336_776 and year["month"].is_monotonic_increasing


def command(*words: str, store: Path) -> subprocess.Popen[str]:
    code = "from yamlflow_nb.cli import main; main()"
    environment = {**os.environ, "YAMLFLOW_STORE": str(store)}
    return subprocess.Popen([sys.executable, "-c", code, *words], env=environment, stdout=subprocess.PIPE, text=True, cwd=FLIGHTS)


def test_the_report_waits_for_a_person_while_nothing_runs_and_is_published_when_it_is_resumed(tmp_path: Path) -> None:
    for package in ("matplotlib", "sklearn"):
        pytest.importorskip(package)
    store = tmp_path / "store.db"
    run = command("run", "--wait", "year.pipeline.yaml", store=store)
    assert run.stdout is not None
    while "review waiting" not in " ".join((line := run.stdout.readline()).split()):
        assert line, "the run ended before anybody was asked"
    run.kill()
    run.communicate()
    published = FLIGHTS / "out" / "published" / "month-02.txt"
    published.unlink(missing_ok=True)
    decided = command("approve", "review", "--set", "note=windy", store=store)
    assert "kept" in decided.communicate(timeout=60)[0] and decided.returncode == 0 and not published.exists()
    resumed = command("resume", store=store)
    told = resumed.communicate(timeout=120)[0]
    assert resumed.returncode == 0 and "flight_report 1.0.0: completed" in told
    assert published.read_text().endswith(": windy\n")
    execution = yf.get_execution(store=str(store))
    assert [child.status for child in execution.children] == ["completed", "completed"]
    assert execution.nodes["year"].attempts == execution.nodes["month"].attempts == 1
