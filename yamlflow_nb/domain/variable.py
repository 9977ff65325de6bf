"""Variables: typed values of one execution, and the names of their types."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID


@dataclass(frozen=True)
class Variable:
    """One typed value. ``scope`` is ``pipeline.input``, a node's id, ``custom.<name>`` or ``system``.
    ``metadata`` holds what a reference knows of its object: path, size, schema, rows."""

    name: str
    scope: str
    value: Any
    type: str
    metadata: dict[str, Any] | None
    created_at: dt.datetime


def type_of(value: Any) -> str:
    """The variable type of a value: ``null``, one of the language's types, or ``any`` for what has no name there.

    >>> type_of(1), type_of(True), type_of([1]), type_of({"path": "a", "sha256": "0", "rows": 1, "schema": {}})
    ('integer', 'boolean', 'array', 'dataframe')
    """
    kind = type(value)
    if kind in _TYPE_NAMES:
        return _TYPE_NAMES[kind]
    if isinstance(value, dict):
        if "path" in value and "sha256" in value:
            return "dataframe" if "schema" in value and "rows" in value else "file"
        return "object"
    if isinstance(value, (list, tuple)):
        return "array"
    return "any"


_TYPE_NAMES: dict[type, str] = {
    type(None): "null", str: "string", bool: "boolean", int: "integer", float: "number", Decimal: "number",
    dt.date: "date", dt.datetime: "datetime", UUID: "string", list: "array", tuple: "array",
}  # fmt: skip


def is_tabular(value: Any) -> bool:
    """A data frame or series, told by its class, so that nothing heavy is loaded to find out that it is none."""
    kind = type(value)
    library = kind.__module__.partition(".")[0]
    return kind.__name__ in ("DataFrame", "Series", "Table") and library in ("pandas", "polars", "pyarrow")


def fits(value: Any, declared: str) -> bool:
    """Whether a value may stand under a declared type. ``null`` fits every type; an integer is a number."""
    actual = type_of(value)
    if declared == "any" or actual in (declared, "null"):
        return True
    if declared == "number":
        return actual == "integer"
    if declared == "object":
        return actual in ("file", "dataframe")
    if declared == "file":
        return actual in ("dataframe", "string")
    return False
