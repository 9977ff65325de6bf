"""A run as a tree that moves: what a terminal shows while it works."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from yamlflow_nb.services.run_text import headline, node_line, one_line, seconds

if TYPE_CHECKING:
    from rich.console import Console, Group

STYLES = {
    "completed": "green", "failed": "red", "cancelled": "yellow", "running": "cyan", "waiting": "magenta", "retrying": "yellow",
    "interrupted": "yellow", "paused": "yellow", "skipped": "dim", "queued": "dim", "pending": "dim",
}  # fmt: skip
_FIRST = ("running", "waiting", "retrying", "failed", "queued")
_BAR = 12
_DRAWN_EVERY = 0.2
"""Seconds between two pictures: a terminal over a slow line is not to be flooded."""


def draw(changes: Iterable[Mapping[str, Any]], console: Console) -> None:
    """Draw each state over the one before; nothing is left of it at the end, so that what comes then stands alone."""
    from rich.live import Live

    drawn = 0.0
    # What tasks print is theirs: rich, which draws above the tree what is printed meanwhile, would draw the tree into their logs.
    with Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False) as screen:
        for now in changes:
            if now["now"] - drawn >= _DRAWN_EVERY:
                drawn = now["now"]
                screen.update(picture(now, console.height), refresh=True)


def picture(now: Mapping[str, Any], height: int) -> Group:
    """As many lines as the terminal has; texts of users are never read as markup."""
    from rich.console import Group
    from rich.text import Text

    so_far = "" if now["finished_at"] else f"  {seconds(now['started_at'], now['now'])}"
    told = [(headline(now) + so_far, now["status"])]
    nodes, left_out = _shown(now["nodes"], height - 3)
    width = max((len(node["id"]) for node in nodes), default=0)
    told += [(_line(node, width, now["now"]), node["state"]) for node in nodes]
    if left_out:
        told.append((f"… and {left_out}", "pending"))
    return Group(*(Text(one_line(line), STYLES.get(state, ""), no_wrap=True, overflow="ellipsis") for line, state in told))


def _shown(nodes: list[Any], room: int) -> tuple[list[Any], str]:
    """All nodes where there is room; else what is at work or went wrong, and how many of the others there are."""
    if len(nodes) <= max(room, 1):
        return nodes, ""
    urgent = [node for state in _FIRST for node in nodes if node["state"] == state][: max(room - 1, 1)]
    chosen = {node["id"] for node in urgent}
    others = Counter(node["state"] for node in nodes if node["id"] not in chosen)
    return [node for node in nodes if node["id"] in chosen], ", ".join(f"{count} {state}" for state, count in others.items())


def _line(node: Mapping[str, Any], width: int, now: float) -> str:
    since = now if node["state"] in ("running", "waiting", "retrying") else None
    line = node_line({**node, "finished_at": node["finished_at"] or since, "progress": None, "items": None}, width)
    done, total, text = _how_far(node)
    if total:
        line += f"  {bar(done / total)} {done:g} of {total:g} {one_line(text)}"
    elif text or done:
        line += f"  {done:g} {one_line(text)}"
    return f"  {line}".rstrip()


def _how_far(node: Mapping[str, Any]) -> tuple[float, float | None, str]:
    if node["progress"]:
        return node["progress"]["done"], node["progress"]["total"], node["progress"]["text"]
    if node["items"]:
        return node["items"]["completed"] + node["items"]["failed"], node["items"]["total"], "items"
    return 0, None, ""


def bar(part: float) -> str:
    """How far something is, in a fixed width.

    >>> bar(0.5)
    '██████░░░░░░'
    """
    full = round(_BAR * min(max(part, 0.0), 1.0))
    return "█" * full + "░" * (_BAR - full)


def ending(node: Mapping[str, Any], now: float) -> str | None:
    """The line for a node where nothing can be drawn over: when it has ended, waits, tries again, or takes long."""
    if node["finished_at"] is not None or node["state"] in ("waiting", "retrying"):
        return node_line(node)
    if node["state"] == "running" and node["started_at"] is not None and now - node["started_at"] >= 1:
        return node_line({**node, "progress": None}) + f"  since {seconds(node['started_at'], now)}"
    return None
