"""An approval in an execution: what is asked of whom, why a decision does not count, and what one that counts leads to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from yamlflow_nb.domain.approval import LONGEST_COMMENT, Asked, Refusal, actions_of, approvers_of, form_of
from yamlflow_nb.domain.decision import Remind
from yamlflow_nb.domain.event import ApprovalDecided, AttemptKey, TaskError, TaskFinished
from yamlflow_nb.language.durations import parse_duration
from yamlflow_nb.language.evaluation import render_display
from yamlflow_nb.orchestration.attempts import finish_attempt, slot_of
from yamlflow_nb.orchestration.execution_state import ExecutionState, ItemRun, NodeRun
from yamlflow_nb.orchestration.inputs import typed
from yamlflow_nb.orchestration.judgement import Unjudgeable, resolve
from yamlflow_nb.orchestration.lifecycle import ACTIVE
from yamlflow_nb.orchestration.visible_names import StateNames


def open_slots(run: NodeRun) -> list[tuple[int | None, ItemRun]]:
    """The attempts of an approval that wait for a decision: of the node, or of each item of a ``forEach``."""
    if run.planned.waits != "person" or run.state not in ACTIVE:
        return []
    slots: Sequence[tuple[int | None, ItemRun]] = [(None, run)] if run.fan is None else list(enumerate(run.fan.runs))
    return [(item, slot) for item, slot in slots if slot.attempt is not None]


def asked_of(state: ExecutionState, run: NodeRun, item: int | None, slot: ItemRun) -> Asked:
    """What an open attempt asks, by the values as they are now. Raises ``Unjudgeable``, ``ValueError``
    for what cannot be asked."""
    planned, key = run.planned, slot.attempt
    assert key is not None
    local = None if item is None or run.fan is None else {"item": run.fan.items[item], "index": item}
    fields = resolve(state, planned.fields, planned.bound_fields, local)
    escalation = planned.on_timeout if isinstance(planned.on_timeout, Mapping) and slot.escalated else {}
    return asked(fields, key, _title(state, run, local), str(state.system.get("initiator") or ""), state.execution_id, replacing={
        "pipeline": state.plan.definition.name,
        "escalated": tuple(escalation.get("escalate") or ()),
        "since": slot.attempt_started,
        "ends_at": ends_at(run, slot),
        "votes": tuple(state.votes.get(key, ())),
        "basis": {
            "definition": state.plan.definition.content_hash,
            "inputs": dict(state.variables.scopes.get("pipeline.input", {})),
        },
    })  # fmt: skip


def asked(
    fields: Mapping[str, Any],
    key: AttemptKey,
    title: str,
    initiator: str,
    execution_id: str,
    replacing: Mapping[str, Any] | None = None,
) -> Asked:
    """What the resolved fields of an approval ask. Raises ``ValueError`` for fields that are not of their form."""
    approvers = approvers_of(fields.get("approvers"))
    made = Asked(
        execution_id=execution_id, pipeline="", attempt=key, title=title, message=fields.get("message"),
        form=form_of(fields.get("form")), actions=actions_of(fields.get("actions")), approvers=approvers, escalated=(),
        allow_self=bool(fields.get("allowSelf")), quorum=int(fields.get("quorum") or 1), evidence=fields.get("evidence"),
        initiator=initiator, since=0.0, ends_at=None, votes=(), basis={},
    )  # fmt: skip
    return replace(made, **(replacing or {}))


def _title(state: ExecutionState, run: NodeRun, local: Mapping[str, Any] | None) -> str:
    title = state.plan.definition.nodes[run.index].title
    for bound in run.planned.display:
        if bound.place[-1:] == ("title",):
            return render_display(bound.template, StateNames(state, local=local))
    return title or run.planned.id


def ends_at(run: NodeRun, slot: ItemRun) -> float | None:
    """When the time of an open attempt is over; None: never."""
    planned = run.planned
    if not planned.wait_timeout:
        return None
    end = slot.attempt_started + planned.wait_timeout
    if slot.escalated and isinstance(planned.on_timeout, Mapping):
        end += parse_duration(planned.on_timeout.get("within", "1d")) or 86_400.0
    return end


# --- a decision ------------------------------------------------------------------------------------------------------


def refusal(state: ExecutionState, fact: ApprovalDecided) -> Refusal | None:
    """Why a decision does not count as things stand; None: it does. Looked at by the owner before the decision is taken in."""
    key = fact.attempt
    run = state.nodes.get(key.node)
    if run is None:
        return Refusal("YF704", f"`{state.execution_id}` has no node `{key.node}`")
    found = slot_of(state, key)
    if found is None or found[1].attempt is None or run.planned.waits != "person" or state.ended is not None:
        return not_waiting(state, run, key.item, key)
    _, slot = found
    try:
        now = asked_of(state, run, key.item, slot)
    except (Unjudgeable, ValueError) as error:
        return Refusal("YF743", f"what `{key.node}` asks cannot be had any more: {error}")
    return refused(now, fact)


def refused(now: Asked, fact: ApprovalDecided) -> Refusal | None:
    """Why a decision does not fit what is asked."""
    who, node = fact.by, now.node
    if now.ends_at is not None and fact.decided_at > now.ends_at:
        return Refusal("YF740", f"`{node}` waits no more: its time was over at {moment(now.ends_at)}")
    if not now.may_decide(who):
        if now.approvers is not None and who in now.approvers:
            return Refusal(
                "YF742", f"{who} started this run, and may not approve it", "another approver decides, or `allowSelf: true`"
            )
        names = ", ".join((*(now.approvers or ()), *now.escalated))
        return Refusal("YF742", f"{who} is none of those who decide on `{node}`", f"these do: {names}")
    if fact.shown != now.shown:
        hint = f"look at it anew: yamlflow show {now.execution_id}"
        return Refusal("YF743", f"what `{node}` asks has changed since it was shown", hint)
    action = now.action(fact.action)
    if action is None or action.rejects is not fact.rejects:
        return Refusal("YF745", f"`{node}` has no action `{fact.action}`", f"actions: {', '.join(one.id for one in now.actions)}")
    if len(fact.comment.encode("utf-8", "replace")) > LONGEST_COMMENT:
        return Refusal("YF744", f"a comment has at most {LONGEST_COMMENT} bytes, this has {len(fact.comment.encode())}")
    earlier = next((vote for vote in now.votes if vote.by == who), None)
    if earlier is not None:
        return Refusal("YF741", f"{who} has decided on `{node}` already: {decision_text(earlier)}", "others are still asked")
    values, problem = form_values(now, fact.form, action.rejects)
    if problem is not None:
        return problem
    return Refusal("YF744", f"the values for the form of `{node}` are not complete") if values != dict(fact.form) else None


def not_waiting(state: ExecutionState, run: NodeRun, item: int | None, key: AttemptKey | None = None) -> Refusal:
    """Why there is nothing to decide: it was decided, or does not wait (yet, any more)."""
    node = run.planned.id
    first = first_decision(state, node, item, key)
    if first is not None:
        return Refusal("YF741", f"`{node}` is decided already: {decision_text(first)}")
    if run.planned.waits != "person":
        return Refusal("YF740", f"`{node}` is no approval: nobody is asked")
    place = "" if item is None else f", item {item},"
    now = run.state if state.ended is None else f"{run.state}, and the execution has ended: {state.ended}"
    hint = "decide when it waits" if run.state in ("pending", "queued", "retrying") else None
    if key is not None and open_slots(run):
        return Refusal(
            "YF743", f"`{node}`{place} asks anew: this decision is for an attempt before", f"yamlflow show {state.execution_id}"
        )
    return Refusal("YF740", f"`{node}`{place} does not wait for a decision: it is {now}", hint)


def first_decision(state: ExecutionState, node: str, item: int | None, key: AttemptKey | None = None) -> ApprovalDecided | None:
    """The decision that ended an approval's attempt: the last one's where none is named."""
    if key is not None:
        return state.decided.get(key)
    return next((fact for one, fact in reversed(state.decided.items()) if one.node == node and one.item == item), None)


def form_values(now: Asked, given: Mapping[str, Any], rejects: bool) -> tuple[dict[str, Any], Refusal | None]:
    """The typed values of the form, defaults filled in; what is wrong is named by field. Whoever rejects need not fill it in; of
    several who approve the first fills it in, and the others agree to these values."""
    node = now.node
    for name in given:
        if name not in now.form:
            return {}, Refusal("YF744", f"the form of `{node}` has no field `{name}`", f"fields: {', '.join(now.form) or 'none'}")
    before = next((vote.form for vote in now.votes if not vote.rejects), None) if not rejects else None
    values: dict[str, Any] = {}
    for name, field in now.form.items():
        if name in given:
            values[name], problem = typed(given[name], field)
            if problem is not None:
                return {}, Refusal("YF744", f"the field `{name}` of `{node}` {problem}")
        elif before is not None and name in before:
            values[name] = before[name]
        elif field.has_default and not rejects:
            values[name] = typed(field.default, field)[0]
        elif field.is_required and not rejects:
            return {}, Refusal("YF744", f"the field `{name}` ({field.type}) of `{node}` is missing", f"give it: --set {name}=...")
        if before is not None and name in before and values.get(name) != before[name]:
            told = f"the field `{name}` of `{node}` was filled in as {before[name]!r} by {now.votes[0].by}"
            return {}, Refusal("YF744", told, "approve these values, or reject")
    return values, None


def take_in(state: ExecutionState, fact: ApprovalDecided) -> None:
    """A decision that counts. It was judged when it came; what is left is what it leads to, so that replaying it years later
    gives the same."""
    found = slot_of(state, fact.attempt)
    if found is None or found[1].attempt is None:
        return
    run, _ = found
    votes = state.votes.setdefault(fact.attempt, [])
    votes.append(fact)
    outputs = {"decision": fact.action, "by": fact.by, "at": _datetime(fact.decided_at), "comment": fact.comment, **fact.form}
    if fact.rejects:
        told = f"{fact.action} by {fact.by}" + (f": {fact.comment}" if fact.comment else "")
        told = told if fact.action != "reject" else f"rejected by {fact.by}" + (f": {fact.comment}" if fact.comment else "")
        state.decided[fact.attempt] = fact
        finish_attempt(state, TaskFinished(fact.at, fact.attempt, "rejected", outputs, TaskError("Rejected", told)))
        return
    agreed = [vote for vote in votes if vote.action == fact.action]
    if len(agreed) < int((found[1].fields or {}).get("quorum") or 1):
        state.turn.changed[run.planned.id] = None
        return
    state.decided[fact.attempt] = fact
    outputs["by"] = ", ".join(vote.by for vote in agreed)
    finish_attempt(state, TaskFinished(fact.at, fact.attempt, "approved", outputs))


def remind(state: ExecutionState, run: NodeRun, item: int | None) -> None:
    """``remind`` passed and nobody has decided: people are told again, and the next time is set."""
    slot: ItemRun = run if item is None or run.fan is None else run.fan.runs[item]
    if slot.attempt is not None and run.planned.remind:
        state.decide(Remind(slot.attempt, "reminder"))
        state.set_timer("remind", run, item, state.now + run.planned.remind)


def decision_text(fact: ApprovalDecided) -> str:
    """``approve by ann at 2025-01-31 12:00:00 UTC: fine``."""
    return f"{fact.action} by {fact.by} at {moment(fact.decided_at)}" + (f": {fact.comment}" if fact.comment else "")


def moment(at: float) -> str:
    """A time for people."""
    return f"{_datetime(at):%Y-%m-%d %H:%M:%S} UTC"


def _datetime(at: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(at, dt.timezone.utc)
