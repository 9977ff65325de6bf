"""Approvals: what is asked, and a decision as a fact that fits it."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from yamlflow_nb.domain.approval import Action, Asked, Refusal
from yamlflow_nb.domain.event import ApprovalDecided
from yamlflow_nb.domain.variable import fits
from yamlflow_nb.loop.run import Run
from yamlflow_nb.orchestration.approval import (
    asked_of,
    decision_text,
    form_values,
    moment,
    not_waiting,
    open_slots,
    refusal,
    refused,
)
from yamlflow_nb.orchestration.execution_orchestrator import decide
from yamlflow_nb.orchestration.execution_state import ExecutionState
from yamlflow_nb.orchestration.judgement import Unjudgeable
from yamlflow_nb.services.command_error import CommandError
from yamlflow_nb.services.fitting_command import check_node
from yamlflow_nb.services.snapshot import short

_PREFIX = 12
"""So many characters of the hash of what was shown are enough."""


def open_approvals(state: ExecutionState) -> list[Asked]:
    """All that is asked of people now, in the document's order; what cannot be asked any more is left out."""
    found: list[Asked] = []
    for run in state.order if state.ended is None else ():
        for item, slot in open_slots(run):
            try:
                found.append(asked_of(state, run, item, slot))
            except (Unjudgeable, ValueError):
                continue
    return found


def asked_at(run: Run, node: str | None, item: int | None) -> Asked:
    """The open approval that is meant. Raises ``CommandError``: YF704, YF740 it does not wait, YF741 it is decided, YF746 several
    could be meant."""
    state = run.state
    if node is None:
        found = open_approvals(state)
        if not found:
            raise CommandError("YF740", f"`{run.id}` asks nobody: no approval waits", f"yamlflow show {run.id}")
        names = list(dict.fromkeys(one.node for one in found))
        if len(names) > 1:
            raise CommandError("YF746", f"several approvals of `{run.id}` wait: {', '.join(names)}", "name one")
        node = names[0]
    check_node(state, node)
    there = state.nodes[node]
    slots = [(at, slot) for at, slot in open_slots(there) if item is None or at == item]
    if not slots or state.ended is not None:
        raise error_of(not_waiting(state, there, item))
    if len(slots) > 1:
        items = ", ".join(str(at) for at, _ in slots)
        raise CommandError("YF746", f"`{node}` asks for each item: {items}", "name one: --item 0")
    try:
        return asked_of(state, there, *slots[0])
    except (Unjudgeable, ValueError) as error:
        raise CommandError("YF743", f"what `{node}` asks cannot be had any more: {error}") from None


def decision(
    asked: Asked, by: str, rejects: bool, action: str | None, form: Mapping[str, Any], comment: str, shown: str | None, at: float
) -> ApprovalDecided:
    """A decision that fits what is asked. Raises ``CommandError``: YF742 to YF745."""
    if shown is not None and len(shown) >= _PREFIX and asked.shown.startswith(shown):
        shown = asked.shown
    chosen = _action(asked, rejects, action)
    values, problem = form_values(asked, form, rejects)
    fact = ApprovalDecided(
        at=at, attempt=asked.attempt, id=uuid.uuid4().hex, action=chosen.id, by=by, decided_at=at, shown=shown or asked.shown,
        rejects=rejects, form=values, comment=comment, origin=f"process {os.getpid()}", asked=asked.what,
    )  # fmt: skip
    if problem is not None and asked.may_decide(by):
        raise error_of(problem)
    complaint = refused(asked, fact)
    if complaint is not None:
        raise error_of(complaint)
    return fact


def _action(asked: Asked, rejects: bool, name: str | None) -> Action:
    fitting = [one for one in asked.actions if one.rejects is rejects]
    usual = "reject" if rejects else "approve"
    if name is None and len(fitting) > 1 and not any(one.id == usual for one in fitting):
        ids = ", ".join(one.id for one in fitting)
        raise CommandError(
            "YF745", f"`{asked.node}` has several actions that {usual}: {ids}", f"name one: --action {fitting[0].id}"
        )
    wanted = name or (usual if any(one.id == usual for one in fitting) else fitting[0].id)
    found = asked.action(wanted)
    if found is None:
        raise CommandError(
            "YF745", f"`{asked.node}` has no action `{wanted}`", f"actions: {', '.join(one.id for one in asked.actions)}"
        )
    if found.rejects is not rejects:
        verb = "reject" if found.rejects else "approve"
        raise CommandError(
            "YF745", f"the action `{wanted}` of `{asked.node}` {verb}s", f"yamlflow {verb} {asked.node} --action {wanted}"
        )
    return found


def typed_texts(asked: Asked, form: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """Values as they were typed: what a text field gets stays the text that was written, also where it looks like a number."""
    return {
        name: texts[name] if name in texts and name in asked.form and not fits(value, asked.form[name].type) else value
        for name, value in form.items()
    }


def refused_beside(state: ExecutionState, waiting: Sequence[ApprovalDecided], fact: ApprovalDecided) -> str | None:
    """Why a decision does not count after those that wait to be taken in. The state is advanced by them."""
    for one in waiting:
        if refusal(state, one) is None:
            decide(state, one)
    found = refusal(state, fact)
    return None if found is None else found.as_text()


def error_of(found: Refusal) -> CommandError:
    """A refusal as an error."""
    return CommandError(found.code, found.message, found.hint)


def as_data(asked: Asked, waiting: Sequence[ApprovalDecided] = ()) -> dict[str, Any]:
    """What is asked as plain data, for views; ``waiting`` are decisions that were given while nobody drove the execution."""
    return {
        "execution": asked.execution_id,
        "pipeline": asked.pipeline,
        "node": asked.node,
        "item": asked.attempt.item,
        "title": asked.title,
        "message": asked.message,
        "form": {name: field.model_dump(exclude_unset=True) for name, field in asked.form.items()},
        "actions": [{"id": one.id, "title": one.title, "style": one.style, "rejects": one.rejects} for one in asked.actions],
        "approvers": None if asked.approvers is None else [*asked.approvers, *asked.escalated],
        "quorum": asked.quorum,
        "evidence": asked.evidence,
        "evidence_shown": _in_lines(asked.evidence),
        "since": asked.since,
        "ends_at": asked.ends_at,
        "ends": None if asked.ends_at is None else moment(asked.ends_at),
        "votes": [decision_text(vote) for vote in asked.votes],
        "given": [decision_text(one) for one in waiting if one.attempt == asked.attempt],
        "shown": asked.shown,
    }


def _in_lines(value: Any) -> list[str]:
    """Evidence as people read it."""
    if value is None:
        return []
    if isinstance(value, Mapping) and "sha256" not in value:
        return [f"{name} = {short(part)}" for name, part in value.items()]
    return [short(part) for part in value] if isinstance(value, list) else [short(value)]
