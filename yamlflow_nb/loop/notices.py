"""A turn → the messages that it calls for, by the pipeline's ``notifications``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from yamlflow_nb.domain.decision import FinishExecution, Remind, StartTask, Turn
from yamlflow_nb.domain.event import AttemptKey
from yamlflow_nb.domain.notice import Notice
from yamlflow_nb.language.evaluation import ExpressionError, render, render_display
from yamlflow_nb.language.long_text import has_statements, parse_long_text
from yamlflow_nb.language.value_parser import parse_template
from yamlflow_nb.loop.run import Run
from yamlflow_nb.orchestration.approval import asked_of
from yamlflow_nb.orchestration.attempts import slot_of
from yamlflow_nb.orchestration.execution_state import ExecutionState
from yamlflow_nb.orchestration.judgement import Unjudgeable
from yamlflow_nb.orchestration.visible_names import StateNames

_OF_WAITING = frozenset({"waiting", "reminder", "escalated"})
_LONGEST = 2000
"""Characters of a value that a message tells."""


def notices_of(run: Run, turn: Turn) -> list[Notice]:
    """The notices of one turn; most pipelines want none."""
    wanted = run.plan.definition.notifications
    if not wanted:
        return []
    found: list[Notice] = []
    for kind, node, told in _happened(run.state, turn):
        for number, one in enumerate(wanted):
            if ("waiting" if kind in _OF_WAITING else kind) in one["on"]:
                context = _context(run, kind, node) | told | {"message": _message(run.state, one.get("message"))}
                names = [one["to"]] if isinstance(one["to"], str) else one["to"]
                place = f"{run.id}/{len(run.state.log.rows)}/{run.state.now!r}/{kind}/{node or ''}/{told.get('item')}/{number}"
                for name in names:
                    at = run.state.now
                    found.append(Notice(f"{place}/{name}", run.id, name, kind, node, at, context, next_at=at))
    return found


def _happened(state: ExecutionState, turn: Turn) -> Iterator[tuple[str, str | None, dict[str, Any]]]:
    """``(kind, node, what else is told)`` of all that somebody may want to know."""
    for event in turn.events:
        source, _, name = event.type.rpartition(".")
        if event.type == "pipeline.started":
            yield "started", None, {}
        elif name == "waiting" and event.source in state.nodes and event.payload:  # an event, or an answer after an interruption
            yield "waiting", source, {"waits_for": event.payload.get("event") or "retry or fail"}
    for decision in turn.decisions:
        if isinstance(decision, StartTask) and state.nodes[decision.attempt.node].planned.waits == "person":
            yield "waiting", decision.attempt.node, _asked(state, decision.attempt)
        elif isinstance(decision, Remind):
            yield decision.kind, decision.attempt.node, {**_asked(state, decision.attempt), "who": list(decision.who)}
        elif isinstance(decision, FinishExecution):
            yield decision.status, None, {"outputs": {name: _cut(value) for name, value in decision.outputs.items()}}


def _asked(state: ExecutionState, key: AttemptKey) -> dict[str, Any]:
    """What an approval asks, for those who are told of it."""
    found = slot_of(state, key)
    if found is None:
        return {"item": key.item}
    try:
        asked = asked_of(state, found[0], key.item, found[1])
    except (Unjudgeable, ValueError):
        return {"item": key.item}
    return {
        "item": key.item,
        "title": asked.title,
        "asks": asked.message,
        "approvers": None if asked.approvers is None else [*asked.approvers, *asked.escalated],
        "form": {name: field.type for name, field in asked.form.items()},
        "actions": [action.id for action in asked.actions],
        "evidence": _cut(asked.evidence),
        "ends_at": asked.ends_at,
        "shown": asked.shown,
    }


def _context(run: Run, kind: str, node: str | None) -> dict[str, Any]:
    record, state = run.record, run.state
    failed = [
        {"node": one.planned.id, "reason": one.reason, "error": one.error.message if one.error is not None else ""}
        for one in state.order
        if one.state == "failed"
    ]
    return {
        "kind": kind, "node": node, "pipeline": record.pipeline, "version": record.version, "execution": record.id,
        "status": state.status, "reason": state.reason, "initiator": record.initiator, "folder": record.folder, "at": state.now,
        "error": None if state.error is None else state.error.message, "failed": failed[:20] if kind == "failed" else [],
    }  # fmt: skip


def _message(state: ExecutionState, text: str | None) -> Any:
    """The pipeline's own text with its values; what has statements is rendered when it is sent."""
    if text is None:
        return None
    names = StateNames(state, latest=True)
    template = parse_long_text(text) if has_statements(text) else parse_template(text)
    if template is None:
        return text
    if not template.statements:
        return render_display(template, names)
    try:
        return render(template, names)
    except ExpressionError as error:
        return f"(the message has no value: {error})"


def _cut(value: Any) -> Any:
    """A value as a message tells it."""
    text = value if isinstance(value, str) else repr(value)
    return value if len(text) <= _LONGEST else text[:_LONGEST] + "…"
