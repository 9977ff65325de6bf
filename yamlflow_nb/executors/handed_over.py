"""Values of another process → messages and files → values of this one. Tables go as Parquet, arrays in numpy's format,
everything else as typed JSON. Never pickle.

The side that gives may be any kernel, with nothing installed but this package's files: nothing heavy is imported here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

from yamlflow_nb.domain.typed_json import UnkeepableValue, dumps, loads
from yamlflow_nb.domain.variable import is_tabular

_numbers = count()
_LARGE = 256 * 1024
"""Characters above which a value goes by way of a file."""


def give(namespace: Mapping[str, Any], names: list[str], target: str) -> None:
    """Write what stands under the names. A name that is not there is left out."""
    path = Path(target)
    text = json.dumps(packed({name: namespace[name] for name in names if name in namespace}, path.parent))
    scratch = path.with_suffix(".part")
    scratch.write_text(text, encoding="utf-8")
    os.replace(scratch, path)


def taken(text: str) -> dict[str, Any]:
    """The values of such a file. Raises ``TaskFailed`` for one that could not be handed over."""
    return unpacked(json.loads(text))


def packed(values: Mapping[str, Any], folder: Path) -> dict[str, list[str]]:
    """Values as a message can carry them: name → kind and text. ``folder`` takes what is too large for one."""
    return {name: list(_packed(value, folder)) for name, value in values.items()}


def unpacked(message: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a message. Raises ``TaskFailed`` for one that could not be packed."""
    from yamlflow_nb.domain.work import TaskFailed

    values: dict[str, Any] = {}
    for name, (kind, text) in message.items():
        if kind == "refused":
            raise TaskFailed("OutputError", f"output `{name}` cannot be kept: {text}")
        values[name] = _unpacked(kind, text)
    return values


def _packed(value: Any, folder: Path) -> tuple[str, str]:
    path = folder / f".handed-{os.getpid()}-{next(_numbers)}"
    if isinstance(value, Path):
        return "path", str(value.absolute())
    if type(value).__name__ == "ParquetTable":
        return "parquet", str(value.path.absolute())
    try:
        if is_tabular(value):
            return "table", _written_table(value, path)
        if type(value).__module__ == "numpy" and getattr(value, "shape", None) and value.dtype.kind in "biufcSUmM":
            import numpy as np

            with path.open("wb") as file:
                np.save(file, value, allow_pickle=False)
            return "array", str(path)
        text = dumps(value, entering=True)
    except UnkeepableValue as error:
        return "refused", str(error)
    except RecursionError:
        return "refused", "it is nested too deeply"
    except Exception as error:  # whatever the writer of tables raises
        return "refused", f"the table cannot be written as Parquet: {error}"
    if len(text) <= _LARGE:
        return "value", text
    path.write_text(text, encoding="utf-8")
    return "large", str(path)


def _written_table(value: Any, path: Path) -> str:
    if type(value).__name__ == "Series":
        value = value.to_frame(name=value.name if value.name not in (None, "") else "value")
    if not hasattr(value, "to_parquet"):
        value = value.to_pandas()
    value.to_parquet(path)
    return str(path)


def _unpacked(kind: str, text: str) -> Any:
    if kind == "value":
        return loads(text)
    path = Path(text)
    if kind == "path":
        return path
    if kind == "parquet":
        from yamlflow_nb.executors.spark.tables import ParquetTable

        return ParquetTable(path)
    try:
        if kind == "table":
            import pandas as pd

            return pd.read_parquet(path)
        if kind == "array":
            import numpy as np

            with path.open("rb") as file:
                return np.load(file, allow_pickle=False)
        return loads(path.read_text(encoding="utf-8"))
    finally:
        path.unlink(missing_ok=True)
