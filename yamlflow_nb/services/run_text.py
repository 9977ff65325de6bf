"""A snapshot as a tree of lines: for pipes, logs and ``text/plain``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MARKS = {
    "completed": "✓", "failed": "✗", "skipped": "-", "cancelled": "■", "running": "▶", "waiting": "…", "retrying": "↻",
    "queued": "·", "pending": "·", "paused": "‖", "interrupted": "!",
}  # fmt: skip


_MOST_LINES = 8
"""Of an error. A database draws a caret below its query; a wall of text helps nobody."""


_MOST_CHILDREN = 5


def _same(error: Mapping[str, Any] | None, other: Mapping[str, Any]) -> bool:
    return error is not None and error["message"] == other["message"]


def as_text(snapshot: Mapping[str, Any]) -> str:
    """The run as a tree: each node's state, how long it took, and in one line why it failed or was skipped."""
    lines = [headline(snapshot)]
    if snapshot.get("set_aside"):
        lines.append(f"  set aside: {one_line(snapshot['set_aside'])}")
    if snapshot["error"] and not any(_same(node["error"], snapshot["error"]) for node in snapshot["nodes"]):
        lines.append(f"  error: {one_line(snapshot['error']['message'])}")
    if snapshot.get("packages_changed"):
        lines.append(f"  since it was started: {', '.join(snapshot['packages_changed'])}")
    lines += _not_told(snapshot.get("notifications", ()))
    width = max((len(node["id"]) for node in snapshot["nodes"]), default=0)
    for position, node in enumerate(snapshot["nodes"]):
        last = position == len(snapshot["nodes"]) - 1 and not snapshot["outputs"]
        lines.append(f"{'└─' if last else '├─'} {node_line(node, width)}")
        told = [
            *details(node),
            *(line for one in snapshot.get("approvals", ()) if one["node"] == node["id"] for line in asked(one)),
        ]
        lines += [f"{'  ' if last else '│ '}   {detail}" for detail in told]
    if snapshot["outputs"]:
        given = ", ".join(f"{name} = {one_line(value)}" for name, value in snapshot["outputs"].items())
        lines.append(f"└─ outputs: {given}")
    return "\n".join(lines)


def _not_told(notices: Iterable[Mapping[str, Any]]) -> list[str]:
    """What could not be sent, a line for each notifier."""
    last = {notice["notifier"]: notice for notice in notices if notice["error"]}
    again = {"due": "; it is tried again"}
    return [
        f"  notifier {one_line(name)}: `{one['kind']}` was not sent: {one_line(one['error'])}{again.get(one['state'], '')}"
        for name, one in last.items()
        if one["state"] != "sent"
    ]


def headline(snapshot: Mapping[str, Any]) -> str:
    """``✓ flight_delays 1.0.0: completed in 4.2 s  (20261124-1)``"""
    name = f"{snapshot['pipeline']} {snapshot['version']}" if snapshot["version"] else str(snapshot["pipeline"])
    reason = f" ({snapshot['reason']})" if snapshot["reason"] else ""
    took = seconds(snapshot["started_at"], snapshot["finished_at"])
    waiting = f", waiting for {', '.join(snapshot['waiting_for'])}" if snapshot["waiting_for"] else ""
    mark = MARKS.get(snapshot["status"], "▶")
    return f"{mark} {name}: {snapshot['status']}{reason}{f' in {took}' if took else ''}{waiting}  ({snapshot['id']})"


def node_line(node: Mapping[str, Any], width: int = 0) -> str:
    """One node: mark, id, state, time, what it gave."""
    reason = f" ({node['reason']})" if node["reason"] else ""
    parts = [f"{MARKS.get(node['state'], '·')} {node['id']:<{width}}  {node['state']}{reason}"]
    if took := seconds(node["started_at"], node["finished_at"]):
        parts.append(took)
    if node["attempts"] > 1:
        parts.append(f"{node['attempts']} attempts")
    if node["items"]:
        parts.append(f"{node['items']['completed']} of {node['items']['total']} items")
    if node["progress"]:
        parts.append(progress(node["progress"]))
    return "  ".join(parts)


def progress(told: Mapping[str, Any]) -> str:
    total = f" of {told['total']:g}" if told["total"] else ""
    return f"{told['done']:g}{total} {one_line(told['text'])}".strip()


def details(node: Mapping[str, Any]) -> list[str]:
    """What else is worth a line: what its attempts noted, the error of a failed node, the reason of a skipped one."""
    return [f"note: {one_line(note)}" for note in node.get("notes", ())] + _children(node.get("children", ())) + _ending(node)


def _children(children: Sequence[Mapping[str, Any]]) -> list[str]:
    """The pipelines that a node runs: of many only those that did not complete."""
    told = [one for one in children if len(children) == 1 or one["status"] != "completed"]
    lines = [
        f"{MARKS.get(one['status'], '▶')} {one['id']}  {one['status']}" + (f"  {one['node']}" if "[" in one["node"] else "")
        for one in told[:_MOST_CHILDREN]
    ]
    return lines + ([f"… and {len(told) - _MOST_CHILDREN} more children"] if len(told) > _MOST_CHILDREN else [])


def asked(one: Mapping[str, Any]) -> list[str]:
    """An approval as it is asked, in lines: what for, of whom, what to fill in, what it rests on, and how to answer."""
    item = "" if one["item"] is None else f" [{one['item']}]"
    lines = [f"asks{item}: {one_line(one['title'])}"]
    lines += [f"  {one_line(line)}" for line in (one["message"] or "").splitlines()]
    for name, field in one["form"].items():
        choices = f", one of {', '.join(map(str, field['enum']))}" if field.get("enum") else ""
        default = f", {field['default']!r} if left out" if "default" in field else ""
        lines.append(
            one_line(f"form: {name} ({field.get('type', 'string')}{choices}{default}) {field.get('title') or ''}").rstrip()
        )
    lines += [f"evidence: {one_line(line)}" for line in one["evidence_shown"]]
    if one["approvers"] is not None:
        quorum = f"{one['quorum']} of " if one["quorum"] > 1 else ""
        lines.append(f"of: {quorum}{one_line(', '.join(one['approvers']))}")
    lines += [f"decided: {one_line(vote)}" for vote in one["votes"]]
    lines += [f"given, and taken in when it is resumed: {one_line(vote)}" for vote in one["given"]]
    if one["ends"]:
        lines.append(f"until: {one['ends']}")
    answers = ", ".join(action["id"] for action in one["actions"])
    return [*lines, f"answers: {answers}; shown as {one['shown'][:12]}"]


def _ending(node: Mapping[str, Any]) -> list[str]:
    if node["error"]:
        kind = f"{node['error']['type']}: " if node["error"]["type"] else ""
        lines = [one_line(line) for line in f"{kind}{node['error']['message']}".splitlines() if line.strip()]
        return lines if len(lines) <= _MOST_LINES else [*lines[:_MOST_LINES], f"… and {len(lines) - _MOST_LINES} lines more"]
    if node["state"] == "skipped":
        causes = [line for line in node["why"] if line.startswith("decided by: ")]
        return [one_line(line.removeprefix("decided by: ")) for line in causes[:2]]
    return []


def seconds(start: float | None, end: float | None) -> str:
    """A duration as people read it."""
    if start is None or end is None:
        return ""
    took = max(0.0, end - start)
    if took < 1:
        return f"{took * 1000:.0f} ms"
    if took < 120:
        return f"{took:.1f} s"
    return f"{took / 60:.1f} min" if took < 7200 else f"{took / 3600:.1f} h"


def one_line(text: Any) -> str:
    """A text that cannot break out of its line, nor steer a terminal."""
    return "".join(char if char.isprintable() else "\\n" if char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in str(text))
