"""A notice as people read it: one line, and a text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from yamlflow_nb.domain.notice import Notice
from yamlflow_nb.infrastructure.texts.rendering import own_text

OWN_TEXT = "notification.txt"
"""A user's own text for all notices, in ``templates/``; ``notification.waiting.txt`` for those of one kind comes first."""
_HEADS = {
    "started": "{pipeline} has started", "completed": "{pipeline} completed", "failed": "{pipeline} failed",
    "cancelled": "{pipeline} was cancelled", "waiting": "{pipeline} waits for a decision: {title}",
    "reminder": "{pipeline} still waits for a decision: {title}",
    "escalated": "{pipeline} waits, and nobody answered in time: {title}",
}  # fmt: skip


class Message(NamedTuple):
    """``subject`` is one line; ``told`` is what the text was made of, for whoever reads data."""

    subject: str
    text: str
    told: Mapping[str, Any]


def message_of(notice: Notice, render: Callable[[Mapping[str, Any]], str]) -> Message:
    """The message of a notice: the pipeline's own text, else a user's file, else ours. Raises ``ValueError`` where a text cannot
    be rendered."""
    told = dict(notice.told)
    title = told.get("title") or told.get("waits_for") or told.get("node") or ""
    subject = _HEADS[notice.kind].format(pipeline=told["pipeline"], title=title)
    if notice.kind == "waiting" and "waits_for" in told:
        subject = f"{told['pipeline']} waits: {told['node']}, {told['waits_for']}"
    for name in ("asks", "message"):
        if isinstance(told.get(name), Mapping) and "template" in told[name]:
            told[name] = render(told[name])
    folder = Path(str(told["folder"]))
    own = own_text(folder, f"notification.{notice.kind}.txt") or own_text(folder, OWN_TEXT)
    subject = " ".join(subject.split())
    if own is not None:
        return Message(subject, render({"template": own, "values": {"subject": subject, **told}}), told)
    return Message(subject, _text(subject, told), told)


def _text(subject: str, told: Mapping[str, Any]) -> str:
    lines = [told["message"] or subject, ""]
    lines += [str(told["asks"]), ""] if told.get("asks") else []
    lines += [f"{one['node']}: {one['error']}" for one in told.get("failed") or ()]
    if told.get("error") and not told.get("failed"):
        lines.append(str(told["error"]))
    lines += [f"{name} = {value}" for name, value in (told.get("outputs") or {}).items()]
    if told.get("actions"):
        lines.append(f"answers: {', '.join(told['actions'])}; yamlflow show {told['execution']}, then")
        lines.append(f"yamlflow approve {told['node']} {told['execution']}")
    if told.get("who"):
        lines.append(f"asked now, too: {', '.join(told['who'])}")
    lines += ["", f"{told['pipeline']}, execution {told['execution']}: {told['status']}"]
    return "\n".join(lines).strip() + "\n"
