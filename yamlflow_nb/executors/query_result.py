"""The rows of a query → a sql task's outputs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from yamlflow_nb.domain.typed_json import dumps
from yamlflow_nb.executors.bound_sql import quoted_identifier

_SIZE = re.compile(r"(\d+)\s*((?:[KM]i?)?B?)", re.IGNORECASE)
_MOST_BYTES = 64 * 1024
"""Larger values are kept by reference, and the table is one already."""
_MOST_ROWS = 10_000


class QueryResult(NamedTuple):
    """The rows of a query, as a data frame."""

    frame: Any
    dates: frozenset[str] = frozenset()
    """Columns of days, which pandas keeps as moments."""
    changed: int | None = None
    """Rows that a statement changed, where it gives none."""


def selected(relation: Any) -> QueryResult:
    """The rows of one statement; none of one that gives none. The sum of integers is a HUGEINT, which would become a float and
    lose digits: it becomes an integer where it fits into one."""
    import duckdb
    import pandas as pd

    if relation is None:
        return QueryResult(pd.DataFrame())
    kinds = [str(kind) for kind in relation.types]
    names = [quoted_identifier(name) for name in relation.columns]
    dates = frozenset(name for name, kind in zip(relation.columns, kinds) if kind == "DATE")
    if "HUGEINT" in kinds and len(set(names)) == len(names):
        written = (f"CAST({name} AS BIGINT) AS {name}" if kind == "HUGEINT" else name for name, kind in zip(names, kinds))
        try:
            return QueryResult(relation.project(", ".join(written)).df(), dates)
        except duckdb.ConversionException:
            pass
    return QueryResult(relation.df(), dates)


def outputs_of(result: QueryResult, most: int | str | None) -> dict[str, Any]:
    """``result row_count columns``, ``first`` where there is a row, and ``rows`` where ``maxInline`` allows them."""
    frame = result.frame
    count = len(frame) if result.changed is None else result.changed
    outputs: dict[str, Any] = {"result": frame, "row_count": count, "columns": [str(name) for name in frame.columns]}
    if len(frame):
        outputs["first"] = _row(result, 0)
    if isinstance(most, str) or (most is not None and len(frame) <= most):
        rows = [_row(result, number) for number in range(min(len(frame), _MOST_ROWS))]
        if len(rows) == len(frame) and len(dumps(rows)) <= (inline_bytes(most) if isinstance(most, str) else _MOST_BYTES):
            outputs["rows"] = rows
    return outputs


def inline_bytes(size: str) -> int:
    """``64KiB`` → 65536. Raises ``ValueError``."""
    found = _SIZE.fullmatch(size.strip())
    if found is None:
        raise ValueError(f"{size!r} is no size: write a number of rows, or such as 64KiB (at most that)")
    return min(int(found[1]) * {"": 1, "b": 1, "k": 1024, "m": 1024 * 1024}[found[2].lower()[:1]], _MOST_BYTES)


def _row(result: QueryResult, number: int) -> dict[str, Any]:
    row = {str(name): _plain(result.frame[name].iloc[number]) for name in result.frame.columns}
    return row | {name: value.date() for name, value in row.items() if name in result.dates and value is not None}


def _plain(value: Any) -> Any:
    """A cell as a plain value: missing ones are null, numpy's values Python's, timestamps datetimes, and what has no plain form
    (an interval, a time of day) the text that the database shows. One odd column must not fail a query that went well."""
    import datetime as dt

    import pandas as pd

    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    if isinstance(value, (pd.Timedelta, dt.timedelta, dt.time)):
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        value = value.tolist()
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
