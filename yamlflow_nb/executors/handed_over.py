"""A kernel's values → a file → this process: tables as Parquet beside it, everything else as JSON. Never pickle."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

from yamlflow_nb.domain.work import TaskFailed


def give(namespace: dict[str, Any], names: list[str], target: str) -> None:
    """In the notebook's kernel: write what stands under the names. A name that is not there is left out."""
    path = Path(target)
    written: dict[str, Any] = {}
    for name in names:
        if name in namespace:
            written[name] = _written(namespace[name], name, path.parent)
    path.write_text(json.dumps(written), encoding="utf-8")


def taken(written: dict[str, Any]) -> dict[str, Any]:
    """In this process: the values. Raises ``TaskFailed`` for one that could not be handed over."""
    return {name: _read(kind, value, name) for name, (kind, value) in written.items()}


def _written(value: Any, name: str, folder: Path) -> tuple[str, Any]:
    if hasattr(value, "to_parquet") or (type(value).__name__ == "Series" and hasattr(value, "to_frame")):
        frame = value if hasattr(value, "to_parquet") else value.to_frame(name=value.name or "value")
        table = folder / f".output-{name}.parquet"
        frame.to_parquet(table)
        return "table", str(table)
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dt.datetime):
        return "datetime", value.isoformat()
    if isinstance(value, dt.date):
        return "date", value.isoformat()
    if isinstance(value, Path):
        return "path", str(value.absolute())
    try:
        json.dumps(value)
    except (TypeError, ValueError) as error:
        return "refused", f"a {type(value).__module__}.{type(value).__qualname__} cannot be kept: {error}"
    return "json", value


def _read(kind: str, value: Any, name: str) -> Any:
    if kind == "refused":
        raise TaskFailed("OutputError", f"output `{name}`: {value}")
    if kind == "table":
        import pandas as pd

        frame = pd.read_parquet(value)
        Path(value).unlink()
        return frame
    readers: dict[str, Any] = {"datetime": dt.datetime.fromisoformat, "date": dt.date.fromisoformat, "path": Path}
    return readers[kind](value) if kind in readers else value
