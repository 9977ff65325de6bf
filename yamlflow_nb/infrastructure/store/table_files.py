"""Rows → a file of another format."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from yamlflow_nb.infrastructure.store.inspection import INTEGER_COLUMNS, REAL_COLUMNS, parsed

Row = dict[str, Any]
_AT_ONCE = 20_000


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> int:
    """Comma-separated, with a heading. Returns how many rows."""
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.DictWriter(file, columns)
        out.writeheader()
        return sum(1 for row in rows if out.writerow(row) is not None)


def write_json(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> int:
    """An array of objects, one a line."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for count, row in enumerate(rows, 1):
            file.write("[\n" if count == 1 else ",\n")
            file.write(json.dumps(parsed(row), ensure_ascii=False))
        file.write("\n]\n" if count else "[]\n")
    return count


def write_parquet(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> int:
    """Parquet, typed by the columns' names: a column of which every value is missing has its type all the same."""
    import pyarrow as pa
    from pyarrow import parquet

    schema = pa.schema([(name, _type(pa, name)) for name in columns])
    count, left = 0, iter(rows)
    with parquet.ParquetWriter(path, schema) as out:
        for first in left:
            batch = list(chain([first], islice(left, _AT_ONCE - 1)))
            out.write_table(pa.Table.from_pylist(batch, schema))
            count += len(batch)
    return count


def _type(pa: Any, name: str) -> Any:
    if name in REAL_COLUMNS:
        return pa.float64()
    return pa.int64() if name in INTEGER_COLUMNS else pa.string()


WRITERS: dict[str, Callable[[Path, Sequence[str], Iterable[Row]], int]] = {
    "csv": write_csv, "json": write_json, "parquet": write_parquet,
}  # fmt: skip
