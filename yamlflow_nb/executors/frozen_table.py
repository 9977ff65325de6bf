"""A table of pandas ↔ Parquet, and what of it Parquet does not keep; and whether one is the other."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

_LASTING = (str, bytes, int, float, bool, type(None), Decimal, dt.date, UUID)


class NotAsItWas(ValueError):
    """A table that cannot be written."""


def table_bytes(value: Any) -> tuple[bytes, dict[str, Any]]:
    """A table as Parquet, uncompressed, and what it is apart from that."""
    import pandas as pd

    shape: dict[str, Any] = {"kind": "frame"}
    frame = value
    if isinstance(value, pd.Series):
        shape, frame = {"kind": "series", "named": value.name is not None}, value.to_frame(name="value")
        shape["name"] = value.name if isinstance(value.name, str) else None
    elif isinstance(value, pd.Index):
        shape, frame = {"kind": "index"}, pd.DataFrame(index=value)
    # Parquet knows no seconds, and no steps between the moments of an index.
    shape["times"] = {str(at): str(dtype) for at, dtype in enumerate(frame.dtypes) if getattr(dtype, "kind", "") in "mM"}
    shape["kinds"] = {
        str(at): [dtype.categories.tolist(), dtype.ordered]
        for at, dtype in enumerate(frame.dtypes)
        if isinstance(dtype, pd.CategoricalDtype)
        and all(type(kind) in (int, float, str, bool) for kind in dtype.categories.tolist())
    }
    if isinstance(frame.index, (pd.DatetimeIndex, pd.TimedeltaIndex)):
        shape["index"] = [str(frame.index.dtype), frame.index.freqstr]
    file = io.BytesIO()
    try:
        frame.to_parquet(file, compression=None)
    except Exception as error:  # whatever the writer of tables raises
        raise NotAsItWas(f"a table that cannot be written as Parquet: {error}") from None
    return file.getvalue(), shape


def table_from(data: bytes, shape: Mapping[str, Any]) -> Any:
    """The table again."""
    import pandas as pd

    frame = pd.read_parquet(io.BytesIO(data))
    for at, dtype in shape["times"].items():
        _retype(frame, int(at), dtype)
    for at, (kinds, ordered) in shape["kinds"].items():
        _retype(frame, int(at), pd.CategoricalDtype(kinds, ordered))
    if "index" in shape:
        dtype, step = shape["index"]
        index = pd.Index(frame.index.astype(dtype), name=frame.index.name)
        frame.index = type(index)(index, freq=step) if step is not None else index
    if shape["kind"] == "series":
        return frame["value"].rename(shape["name"])
    return frame.index if shape["kind"] == "index" else frame


def _retype(frame: Any, at: int, dtype: Any) -> None:
    if frame.dtypes.iloc[at] != dtype:
        frame.isetitem(at, frame.iloc[:, at].astype(dtype).array)


def difference(one: Any, other: Any) -> str:
    """What tells two tables apart; empty for equal ones."""
    import pandas as pd

    if type(one) is not type(other):
        return type(other).__name__
    if isinstance(one, pd.Index):
        same = one.equals(other) and one.dtype == other.dtype and list(one.names) == list(other.names)
        return "" if same and getattr(one, "freq", None) == getattr(other, "freq", None) else "index"
    if difference(one.index, other.index):
        return "index"
    if isinstance(one, pd.Series):
        if one.dtype == object and [type(item) for item in one] != [type(item) for item in other]:
            return "types"
        if one.dtype == object and not all(type(item) in _LASTING for item in one):
            return "objects in it"
        return "" if one.equals(other) and one.dtype == other.dtype and one.name == other.name else "values"
    if not (one.columns.equals(other.columns) and list(one.columns.names) == list(other.columns.names)):
        return "columns"
    if list(one.dtypes) != list(other.dtypes) or type(one.columns) is not type(other.columns):
        return "types"
    return next((found for found in (difference(one.iloc[:, at], other.iloc[:, at]) for at in range(one.shape[1])) if found), "")
