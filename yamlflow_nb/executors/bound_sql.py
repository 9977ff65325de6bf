"""SQL with ``:name`` → SQL with the driver's own parameters, and their values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from yamlflow_nb.domain.work import TaskFailed

_BIND = re.compile(r"(?<![:\w\\]):(\w+)(?!:)")
"""What SQLAlchemy takes for a parameter, also in texts and comments."""
_TOKEN = re.compile(
    r"""(?P<kept>'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|::)|:(?P<name>[A-Za-z_][A-Za-z0-9_]*)|\{(?P<identifier>\w+)\}""",
    re.DOTALL,
)

_ENDS = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|\$(?P<tag>\w*)\$.*?\$(?P=tag)\$|;""", re.DOTALL)
_COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


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
            return _BIND.sub(r"\\:\1", found[0]) if sign == ":" else found[0]
        if name not in values:
            known = ", ".join(f":{other}" for other in values) or "none"
            raise TaskFailed("ParameterNotBound", f"`:{name}` is not bound; bind it in `inputBindings` (bound: {known})")
        value = values[name]
        if not isinstance(value, (list, tuple)):
            used[name] = value
            return f"{sign}{name}"
        names = [_free(f"{name}_{index}", values) for index in range(len(value))]
        used.update(zip(names, value))
        # Of an empty list nothing is a member, and everything is none: `(NULL)` would make `NOT IN` unknown.
        return f"({', '.join(f'{sign}{one}' for one in names) or 'SELECT NULL WHERE 1 = 0'})"

    return _TOKEN.sub(written, text), used


def _free(name: str, taken: Mapping[str, Any]) -> str:
    while name in taken:
        name += "_"
    return name


def statements(text: str) -> list[str]:
    """The statements of a text; a semicolon in a text, a quoted name or a comment ends none.

    >>> statements("SELECT ';'; /* a; b */ SELECT 2;")
    ["SELECT ';'", '/* a; b */ SELECT 2']
    """
    parts, begun = [""], 0
    for found in _ENDS.finditer(text):
        if found[0] == ";":
            parts[-1] += text[begun : found.start()]
            parts.append("")
            begun = found.end()
    parts[-1] += text[begun:]
    return [part.strip() for part in parts if _COMMENTS.sub("", part).strip()]


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
