"""SQL with ``:name`` → SQL with the driver's own parameters, and their values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from yamlflow_nb.domain.work import TaskFailed

_TOKEN = re.compile(
    r"""(?P<kept>'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|::)|:(?P<name>[A-Za-z_][A-Za-z0-9_]*)|\{(?P<identifier>\w+)\}""",
    re.DOTALL,
)


def bound_sql(text: str, values: Mapping[str, Any], identifiers: Mapping[str, str], sign: str) -> tuple[str, dict[str, Any]]:
    """The query with ``sign`` before each parameter, and the values that it uses.

    Texts, quoted names, comments and casts are left alone. A list becomes one parameter an item: ``IN :months`` is
    ``IN ($months_0, $months_1)``. Raises ``TaskFailed`` for a parameter that is not bound.

    >>> bound_sql("SELECT ':x', a::int FROM t WHERE m IN :months", {"months": [1, 2]}, {}, "$")
    ("SELECT ':x', a::int FROM t WHERE m IN ($months_0, $months_1)", {'months_0': 1, 'months_1': 2})
    """
    used: dict[str, Any] = {}

    def written(found: re.Match[str]) -> str:
        if found["identifier"] is not None:
            return identifiers.get(found["identifier"], found[0])
        name = found["name"]
        if name is None:
            return found[0]
        if name not in values:
            known = ", ".join(f":{other}" for other in values) or "none"
            raise TaskFailed("ParameterNotBound", f"`:{name}` is not bound; bind it in `inputBindings` (bound: {known})")
        value = values[name]
        if not isinstance(value, (list, tuple)):
            used[name] = value
            return f"{sign}{name}"
        used.update((f"{name}_{index}", item) for index, item in enumerate(value))
        return f"({', '.join(f'{sign}{name}_{index}' for index in range(len(value))) or 'NULL'})"

    return _TOKEN.sub(written, text), used


def quoted_identifier(name: str, quote: str = '"') -> str:
    """A name quoted for a dialect."""
    return f"{quote}{name.replace(quote, quote * 2)}{quote}"
