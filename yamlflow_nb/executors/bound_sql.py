"""SQL with ``:name`` → SQL with the driver's own parameters, and their values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
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


def parameters_of(text: str) -> Iterator[tuple[str, str, int, int]]:
    """(``parameter`` or ``identifier``, name, start, end) of what a query takes.

    >>> list(parameters_of("SELECT ':x' FROM {table} WHERE m = :month"))
    [('identifier', 'table', 17, 24), ('parameter', 'month', 35, 41)]
    """
    for found in _TOKEN.finditer(text):
        if found["name"] is not None:
            yield "parameter", found["name"], found.start(), found.end()
        elif found["identifier"] is not None and not found["identifier"].isdigit():
            yield "identifier", found["identifier"], found.start(), found.end()


def quoted_identifier(name: str, quote: str = '"') -> str:
    """A name quoted for a dialect."""
    return f"{quote}{name.replace(quote, quote * 2)}{quote}"


_ASIDE = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/""", re.DOTALL)
_READS = re.compile(r"[\s(]*(?:select|with|values|show|describe|explain|table|from)\b", re.IGNORECASE)
_CHANGES = re.compile(
    r"\b(?:insert|update|delete|merge|into|create|drop|alter|truncate|call|copy|attach|install|load|nextval|setval|grant)\b",
    re.IGNORECASE,
)


def only_reads(text: str) -> bool:
    """Whether every statement plainly reads; in doubt it does not.

    >>> only_reads("SELECT * FROM t WHERE a = 'delete'"), only_reads("WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x")
    (True, False)
    """
    statements = [statement for statement in _ASIDE.sub("''", text).split(";") if statement.strip()]
    return bool(statements) and all(_READS.match(one) and not _CHANGES.search(one) for one in statements)
