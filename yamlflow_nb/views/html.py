"""A snapshot as script-free HTML: a semantic table that stays in a saved notebook and reads in light and dark."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from yamlflow_nb.services.run_text import MARKS, details, headline, progress, seconds

_COLOURS = {
    "completed": "#1a7f37", "failed": "#cf222e", "skipped": "#6e7781", "cancelled": "#9a6700", "running": "#0969da",
    "waiting": "#8250df", "retrying": "#bc4c00",
}  # fmt: skip


def as_html(snapshot: Mapping[str, Any]) -> str:
    """The run as a table: node, state, time, what it gave or why not."""
    rows = "".join(_row(node) for node in snapshot["nodes"])
    head = "".join(f'<th scope="col" style="text-align:left">{title}</th>' for title in ("Node", "State", "Time", "What"))
    caption = f'<caption style="text-align:left;font-weight:bold">{escape(headline(snapshot))}</caption>'
    outputs = "".join(f"<li><b>{escape(name)}</b> = {escape(value)}</li>" for name, value in snapshot["outputs"].items())
    error = f"<p>{escape(snapshot['error']['message'])}</p>" if snapshot["error"] else ""
    listed = f"<ul>{outputs}</ul>" if outputs else ""
    return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>{error}{listed}"


def _row(node: Mapping[str, Any]) -> str:
    state = f"{MARKS.get(node['state'], '·')} {node['state']}" + (f" ({node['reason']})" if node["reason"] else "")
    colour = _COLOURS.get(node["state"], "inherit")
    told = details(node) or [", ".join(f"{name} = {value}" for name, value in node["outputs"].items())]
    if node["progress"]:
        told = [progress(node["progress"])]
    cells = (
        f'<th scope="row" style="text-align:left" title="{escape(str(node["title"]))}">{escape(node["id"])}</th>',
        f'<td style="text-align:left;color:{colour}">{escape(state)}</td>',
        f'<td style="text-align:left">{escape(seconds(node["started_at"], node["finished_at"]))}</td>',
        f'<td style="text-align:left">{"<br>".join(escape(line) for line in told)}</td>',
    )
    return f"<tr>{''.join(cells)}</tr>"
