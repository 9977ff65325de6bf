"""What is different between two executions → a table of a page, and the same as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

from yamlflow_nb.services.difference import Difference
from yamlflow_nb.services.run_text import one_line
from yamlflow_nb.services.snapshot import short

_LEFT = "text-align:left;vertical-align:top"
_KINDS = {"parameters": "given", "values": "gave", "fields": "field", "files": "file"}


def compared(found: Difference) -> dict[str, Any]:
    """The mime bundle of a difference."""
    return {"text/plain": str(found), "text/html": as_html(found)}


def as_html(found: Difference) -> str:
    """Script-free: a row for each thing that is different, the first node marked."""
    data = found.data
    if found.same:
        return f"<div>no difference between {escape(data['a'])} and {escape(data['b'])}</div>"
    head = "".join(f'<th scope="col" style="{_LEFT}">{escape(title)}</th>' for title in ("", "", data["a"], data["b"]))
    rows = "".join(_row(*row) for row in _rows(data))
    return f"<div><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"


def _rows(data: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    if data["status"]:
        yield "", "status", data["status"]
    for kind in ("inputs", "packages"):
        yield from ((kind[:-1], name, pair) for name, pair in data[kind].items())
    for node, parts in data["nodes"].items():
        mark = "▶ " if node == data["first"] else ""
        first = mark + node
        for name, pair in _of_node(parts):
            yield first, name, pair
            first = ""
    yield from (("output", name, pair) for name, pair in data["outputs"].items())


def _of_node(parts: dict[str, Any]) -> Iterable[tuple[str, Any]]:
    if isinstance(parts["state"], list):
        yield "state", parts["state"]
    for kind, word in _KINDS.items():
        yield from ((f"{word} {name}", pair) for name, pair in parts[kind].items())
    for name, lines in parts["code"].items():
        yield name, ["\n".join(line[1:] for line in lines if line[:1] in (sign, " ")) for sign in "-+"]


def _row(first: str, name: str, pair: Any) -> str:
    cells = "".join(f'<td style="{_LEFT};white-space:pre-wrap">{_shown(one)}</td>' for one in pair)
    head = f'<th scope="row" style="{_LEFT}">{escape(one_line(first))}</th><td style="{_LEFT}">{escape(one_line(name))}</td>'
    return f"<tr>{head}{cells}</tr>"


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return "<br>".join(escape(one_line(line)) for line in (value if isinstance(value, str) else short(value)).splitlines())
