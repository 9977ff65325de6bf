"""A kernel's values → a file → this process: tables as Parquet beside it, everything else as JSON. Never pickle.

What JSON cannot say travels as ``{"$": kind, "v": text}``, at any depth, and comes back equal.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

from yamlflow_nb.domain.work import TaskFailed

_MARK = "$"
_DEEPEST = 200
# datetime before date: every datetime is a date.
_WRITERS: tuple[tuple[type, str, Callable[[Any], str]], ...] = (
    (dt.datetime, "datetime", lambda value: str(value.isoformat())),
    (dt.date, "date", lambda value: str(value.isoformat())),
    (Decimal, "decimal", str),
    (UUID, "uuid", str),
    (bytes, "bytes", lambda value: base64.b64encode(value).decode()),
    (bytearray, "bytes", lambda value: base64.b64encode(value).decode()),
    (Path, "path", lambda value: str(value.absolute())),
)
_READERS: dict[str, Callable[[Any], Any]] = {
    "datetime": dt.datetime.fromisoformat, "date": dt.date.fromisoformat, "decimal": Decimal, "uuid": UUID,
    "bytes": base64.b64decode, "path": Path, "float": float, "mapping": dict,
}  # fmt: skip


class _Refused(Exception):
    """A value that cannot leave its kernel."""


def give(namespace: dict[str, Any], names: list[str], target: str) -> None:
    """In the notebook's kernel: write what stands under the names. A name that is not there is left out."""
    path = Path(target)
    written = {name: _written(namespace[name], name, path.parent) for name in names if name in namespace}
    path.write_text(json.dumps(written), encoding="utf-8")


def taken(text: str) -> dict[str, Any]:
    """In this process: the values of such a file. Raises ``TaskFailed`` for one that could not be handed over."""
    written = json.loads(text, object_hook=_opened)
    return {name: _read(kind, value, name) for name, (kind, value) in written.items()}


def _written(value: Any, name: str, folder: Path) -> tuple[str, Any]:
    if hasattr(value, "to_parquet") or (type(value).__name__ == "Series" and hasattr(value, "to_frame")):
        frame = value if hasattr(value, "to_parquet") else value.to_frame(name=value.name or "value")
        table = folder / f".output-{name}.parquet"
        try:
            frame.to_parquet(table)
        except Exception as error:
            return "refused", f"the table cannot be written as Parquet: {error}"
        return "table", str(table)
    try:
        return "value", _encoded(value, "", 0)
    except _Refused as error:
        return "refused", str(error)


def _encoded(value: Any, place: str, depth: int) -> Any:
    if value is None or type(value) in (str, bool, int):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {_MARK: "float", "v": repr(float(value))}
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        value = value.tolist()
        return _encoded(value, place, depth)
    for kind, name, write in _WRITERS:
        if isinstance(value, kind):
            return {_MARK: name, "v": write(value)}
    if depth > _DEEPEST:
        raise _Refused(f"{place or 'it'} contains itself, or is nested more than {_DEEPEST} deep")
    if isinstance(value, (list, tuple)):
        return [_encoded(item, f"{place}[{index}]", depth + 1) for index, item in enumerate(value)]
    if isinstance(value, Mapping):
        return _encoded_mapping(value, place, depth)
    for plain in (str, int):
        if isinstance(value, plain):
            return plain(value)
    where = f"{place}: " if place else ""
    raise _Refused(f"{where}a {type(value).__module__}.{type(value).__qualname__} cannot be kept as a value")


def _encoded_mapping(value: Mapping[Any, Any], place: str, depth: int) -> Any:
    for key in value:
        if type(key) is not str:
            raise _Refused(f"{f'{place}: ' if place else ''}the key {key!r} is no text")
    items = {key: _encoded(item, f"{place}.{key}".lstrip("."), depth + 1) for key, item in value.items()}
    return {_MARK: "mapping", "v": [[key, item] for key, item in items.items()]} if _MARK in items else items


def _opened(mapping: dict[str, Any]) -> Any:
    kind = mapping.get(_MARK)
    return mapping if kind is None else _READERS[kind](mapping["v"])


def _read(kind: str, value: Any, name: str) -> Any:
    if kind == "refused":
        raise TaskFailed("OutputError", f"output `{name}` cannot be kept: {value}")
    if kind == "table":
        import pandas as pd

        frame = pd.read_parquet(value)
        Path(value).unlink()
        return frame
    return value
