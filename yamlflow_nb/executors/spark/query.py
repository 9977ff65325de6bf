"""``sql`` of a pyspark task: a query with ``:name``, its values, and what it gives."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

from yamlflow_nb.domain.work import TaskFailed

BOUND = "values go in as bind parameters: write `:name` and bind it by inputBindings"
_TOKEN = re.compile(
    r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`]|``)*`|--[^\n]*|/\*.*?\*/|::|:(?P<name>[A-Za-z_][A-Za-z0-9_]*)""", re.DOTALL
)


def spark_parameters(text: str) -> Iterator[tuple[str, str, int, int]]:
    """(``parameter``, name, start, end) of what a query for Spark takes.

    >>> list(spark_parameters("SELECT ':x', `a:b` FROM t -- :y\\n WHERE m = :month"))
    [('parameter', 'month', 42, 48)]
    """
    for found in _TOKEN.finditer(text):
        if found["name"] is not None:
            yield "parameter", found["name"], found.start(), found.end()


def bound_query(text: str, values: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The query and the values that it uses. A list becomes one parameter an item, as in a ``sql`` task: ``IN :months``.
    Raises ``TaskFailed`` for a parameter that is not bound.

    >>> bound_query("SELECT 1 WHERE m IN :months AND n = :n", {"months": [1, 2], "n": 3, "other": 4})
    ('SELECT 1 WHERE m IN (:months_0, :months_1) AND n = :n', {'months_0': 1, 'months_1': 2, 'n': 3})
    """
    used: dict[str, Any] = {}
    written, begun = "", 0
    for _, name, start, end in spark_parameters(text):
        if name not in values:
            known = ", ".join(f":{other}" for other in values) or "none"
            raise TaskFailed("ParameterNotBound", f"`:{name}` is not bound; bind it in `inputBindings` (bound: {known})")
        written += text[begun:start] + _placed(name, values[name], used, values)
        begun = end
    return written + text[begun:], used


def _placed(name: str, value: Any, used: dict[str, Any], values: Mapping[str, Any]) -> str:
    if not isinstance(value, (list, tuple)):
        used[name] = _literal(name, value)
        return f":{name}"
    names = [f"{name}_{index}" for index in range(len(value))]
    while any(one in values for one in names):
        names = [f"{one}_" for one in names]
    used.update((one, _literal(name, item)) for one, item in zip(names, value))
    # Of an empty list nothing is a member, and everything is none: `(NULL)` would make `NOT IN` unknown.
    return f"({', '.join(f':{one}' for one in names) or 'SELECT NULL WHERE false'})"


def _literal(name: str, value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, (Mapping, list, tuple)):
        raise TaskFailed("ParameterNotBound", f"`:{name}` is {type(value).__name__}: a query takes single values and lists of them")
    return value


def first_row(path: Any) -> dict[str, Any] | None:
    """The first row of a Parquet file, as an object."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=1):
            row: dict[str, Any] = batch.to_pylist()[0]
            return row
    return None
