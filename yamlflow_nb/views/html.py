"""A snapshot as script-free HTML: the graph as a picture, then a semantic table. It stays in a saved notebook, also in one that
is not trusted, and reads in light and dark."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from yamlflow_nb.services.run_text import MARKS, details, headline, node_line, one_line, progress, seconds
from yamlflow_nb.views.board import Picture

# Of middle lightness: read on white and on black.
_INKS = {
    "completed": "#1f883d", "failed": "#d73a49", "skipped": "#767c84", "cancelled": "#96700a", "running": "#1a74d6",
    "waiting": "#8a5be0", "retrying": "#c2571a",
}  # fmt: skip
_ALL_OPEN = 16
"""Rows that are simply shown; of more, those that one looks for are, and the rest unfolds."""
_URGENT = ("failed", "running", "waiting", "retrying", "cancelled")
_LONGEST = 1200
"""Characters of one text; the store has the whole."""
_NO_PLOTS: Mapping[str, bytes] = {}
_LEFT = "text-align:left;vertical-align:top"


def as_html(
    snapshot: Mapping[str, Any],
    picture: Picture | None = None,
    plots: Mapping[str, bytes] = _NO_PLOTS,
    most_rows: int = 200,
) -> str:
    """The run as a page shows it: headline, graph, what went wrong, at most so many nodes, outputs; ``plots`` are the outputs
    that are pictures."""
    parts = [f'<div style="padding:2px 0"><b>{_mark(snapshot["status"])}{_text(headline(snapshot)[1:])}</b></div>']
    if picture is not None:
        parts.append(_image(snapshot, picture))
    told = [node["error"]["message"] for node in snapshot["nodes"] if node["error"]]
    if snapshot["error"] and snapshot["error"]["message"] not in told:
        parts.append(f'<div style="color:{_INKS["failed"]};padding:4px 0">{_text(snapshot["error"]["message"])}</div>')
    parts.append(_nodes(snapshot["nodes"], most_rows))
    parts.append(_outputs(snapshot["outputs"], plots))
    return f"<div>{''.join(parts)}</div>"


def _outputs(outputs: Mapping[str, str], plots: Mapping[str, bytes]) -> str:
    if not outputs:
        return ""
    given = ", ".join(f"<b>{_text(name)}</b> = {_text(value)}" for name, value in outputs.items() if name not in plots)
    shown = (
        f'<div style="padding:4px 0"><b>{_text(name)}</b><br><img alt="{_text(name)}" src="{_address(png)}" '
        'style="max-width:100%;width:640px"></div>'
        for name, png in plots.items()
    )
    return f'<div style="padding:6px 0">Outputs: {given}</div>{"".join(shown)}'


def _image(snapshot: Mapping[str, Any], picture: Picture) -> str:
    """As wide as the page allows, and never so narrow that names cannot be read: then it is scrolled."""
    narrowest = round(picture.width * 0.7)
    return (
        f'<div style="overflow-x:auto"><img alt="{escape(in_words(snapshot))}" src="{_address(picture.png)}" '
        f'style="width:100%;max-width:{picture.width}px;min-width:{narrowest}px;height:auto"></div>'
    )


def _address(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def in_words(snapshot: Mapping[str, Any]) -> str:
    """What the picture says, for those who cannot see it."""
    if len(snapshot["nodes"]) > _ALL_OPEN:
        return f"Graph of {one_line(snapshot['pipeline'])}, {len(snapshot['nodes'])} nodes: {counted(snapshot['nodes'])}"
    states = "; ".join(" ".join(node_line(node).split()[1:]) for node in snapshot["nodes"])
    return one_line(f"Graph of {snapshot['pipeline']}: {states}")


def counted(nodes: Sequence[Mapping[str, Any]]) -> str:
    """``3 completed, 1 failed``, what one looks for first."""
    order = (*_URGENT, "queued", "completed", "skipped", "pending")
    found = {state: sum(1 for node in nodes if node["state"] == state) for state in order}
    return ", ".join(f"{count} {state}" for state, count in found.items() if count)


def _nodes(nodes: Sequence[Mapping[str, Any]], most_rows: int) -> str:
    if len(nodes) <= _ALL_OPEN:
        return _table(nodes)
    urgent = [node for node in nodes if node["state"] in _URGENT][: min(_ALL_OPEN, most_rows)]
    shown, rest = nodes[:most_rows], len(nodes) - most_rows
    more = f"<p>and {rest} more: %pipeline show, or yamlflow show</p>" if rest > 0 else ""
    told = f"all {len(nodes)} nodes: {counted(nodes)}"
    return (_table(urgent) if urgent else "") + f"<details><summary>{told}</summary>{_table(shown)}{more}</details>"


def _table(nodes: Sequence[Mapping[str, Any]]) -> str:
    titles = ("Node", "State", "Time", "What it gave, or why not")
    head = "".join(f'<th scope="col" style="{_LEFT}">{title}</th>' for title in titles)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(_row(node) for node in nodes)}</tbody></table>"


def _row(node: Mapping[str, Any]) -> str:
    state = escape(str(node["state"])) + (f" ({_text(node['reason'])})" if node["reason"] else "")
    told = "<br>".join(_text(line) for line in _told(node))
    cells = (
        f'<th scope="row" style="{_LEFT}" title="{escape(one_line(node["title"]))}">{escape(node["id"])}</th>',
        f'<td style="{_LEFT};color:{_INKS.get(node["state"], "inherit")};white-space:nowrap">{_mark(node["state"])} {state}</td>',
        f'<td style="{_LEFT};white-space:nowrap">{escape(seconds(node["started_at"], node["finished_at"]))}</td>',
        f'<td style="{_LEFT}">{_bar(node)}{told}</td>',
    )
    return f"<tr>{''.join(cells)}</tr>"


def _told(node: Mapping[str, Any]) -> list[str]:
    found = details(node)
    if node["progress"]:
        found.append(progress(node["progress"]))
    elif node["items"]:
        failed = f", {node['items']['failed']} failed" if node["items"]["failed"] else ""
        found.append(f"{node['items']['completed']} of {node['items']['total']} items{failed}")
    if node["attempts"] > 1:
        found.append(f"{node['attempts']} attempts")
    if node["outputs"] and not node["error"]:
        found.append(", ".join(f"{name} = {value}" for name, value in _worth_telling(node).items()))
    return found


def _worth_telling(node: Mapping[str, Any]) -> Mapping[str, str]:
    """The outputs; of a query's four, which say the same of a table, the table, or its only row."""
    given: Mapping[str, str] = node["outputs"]
    if node["type"] != "sql" or "result" not in given:
        return given
    only = given.get("row_count") == "1" and "first" in given
    return {"first": given["first"]} if only else {"result": given["result"]}


def _bar(node: Mapping[str, Any]) -> str:
    told = node["progress"]
    if not told or not told["total"] or node["state"] != "running":
        return ""
    return f'<progress value="{float(told["done"]):g}" max="{float(told["total"]):g}"></progress> '


def _mark(state: str) -> str:
    return MARKS.get(state, "▶")


def _text(value: Any) -> str:
    text = one_line(value)
    return escape(text if len(text) <= _LONGEST else text[:_LONGEST] + "…")
