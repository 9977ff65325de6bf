"""Attempts: how a node starts, and what its results lead to — success, another attempt, another iteration, failure."""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace
from typing import Any

from yamlflow_nb.domain.decision import Remind, SetTimer, StartTask, StopTask
from yamlflow_nb.domain.diagnostic import Diagnostic, Related
from yamlflow_nb.domain.event import AttemptKey, TaskEmitted, TaskError, TaskFinished, TaskNoted, TaskOutputSet, TaskWaiting
from yamlflow_nb.domain.execution_plan import PlannedNode
from yamlflow_nb.domain.variable import fits, type_of
from yamlflow_nb.language.durations import parse_duration
from yamlflow_nb.orchestration import items, room
from yamlflow_nb.orchestration.due import awaited_of, due_at
from yamlflow_nb.orchestration.event_manager import timestamp
from yamlflow_nb.orchestration.execution_state import ExecutionState, ItemRun, NodeRun, timer_name
from yamlflow_nb.orchestration.failing import as_diagnostic, fail_node, fails
from yamlflow_nb.orchestration.judgement import Unjudgeable, judge_now, resolve
from yamlflow_nb.orchestration.lifecycle import COMPLETED_EVENTS, NEVER_RETRIED

ITERATION = -1
"""In ``ready``: the next iteration of a ``repeat`` node."""

_NOTHING: Mapping[str, Any] = {}
_NOTES = 20
"""Of a node so many are shown; all stand in the logs."""


def start_ready(state: ExecutionState) -> None:
    """Start what is ready, higher priority first, in one commit."""
    ready, state.ready = state.ready, []
    if len(ready) > 1 and any(state.order[index].planned.priority for index, _ in ready):
        ready.sort(key=lambda entry: -state.order[entry[0]].planned.priority)
    for index, item in ready:
        run = state.order[index]
        if item == ITERATION:
            if run.state == "running":
                room.start(state, run, None, start_attempt)
        elif item is not None:
            items.feed(state, run, start_attempt)
        elif run.state == "queued":
            room.start(state, run, None, start_node)


def start_node(state: ExecutionState, run: NodeRun, slot: ItemRun, item: int | None) -> None:
    """A queued node runs: its first attempt, or its first items."""
    state.move(run, "running")
    if run.started_at is None:
        run.started_at = state.now
        state.store_node_event(run, "started", _NOTHING)
    if run.fan is not None:
        items.start(state, run, start_attempt)
        return
    if run.planned.repeat is not None and run.iteration == 0:
        run.iteration = 1
    start_attempt(state, run, run, None)


def start_attempt(state: ExecutionState, run: NodeRun, slot: ItemRun, item: int | None) -> None:
    """The next attempt of a node, an iteration or an item."""
    planned = run.planned
    if slot.inputs is None and not _resolved(state, run, slot, item):
        return
    due: float | None = None
    if planned.waits == "event" and planned.awaited is None and planned.id not in state.scripted:
        try:
            due = due_at(planned, slot.fields or {}, state.now)
        except Unjudgeable as error:
            conclude_failure(state, run, slot, item, "expression", error.diagnostic)
            return
    slot.number += 1
    slot.attempt = key = AttemptKey(planned.id, state.round, run.iteration, item, slot.number)
    slot.attempt_started = state.now
    slot.early = None
    slot.escalated = False
    if slot.number == 1:
        slot.series_started = state.now
    inputs, slot.inputs = slot.inputs or {}, None
    if planned.awaited is None or planned.id in state.scripted:
        state.decide(StartTask(key, planned.type or "", inputs, slot.fields or {}, planned.timeout))
    if planned.timeout:
        state.set_timer("timeout", run, item, state.now + planned.timeout)
    if planned.waits in ("person", "event"):
        _wait(state, run, slot, item, due)


def _resolved(state: ExecutionState, run: NodeRun, slot: ItemRun, item: int | None) -> bool:
    """Give the slot its inputs and fields; False where that failed it."""
    planned = run.planned
    local = None if item is None or run.fan is None else {"item": run.fan.items[item], "index": item}
    try:
        slot.inputs = resolve(state, planned.bindings, planned.bound, local)
        slot.fields = resolve(state, planned.fields, planned.bound_fields, local)
    except Unjudgeable as error:
        conclude_failure(state, run, slot, item, "expression", error.diagnostic)
        return False
    return True


def start_again(state: ExecutionState, run: NodeRun, slot: ItemRun, item: int | None) -> None:
    """The same attempt once more, in another process: its executor finds by its key what is there already. Whether that waits for
    people it says anew."""
    key = slot.attempt
    if item is not None:
        items.wait(state, run, item, False)
    elif run.state == "waiting":
        state.move(run, "running")
        run.why = None
    if key is None or not _resolved(state, run, slot, item):
        return
    inputs, slot.inputs = slot.inputs or {}, None
    state.decide(StartTask(key, run.planned.type or "", inputs, slot.fields or {}, run.planned.timeout))


def _wait(state: ExecutionState, run: NodeRun, slot: ItemRun, item: int | None, due: float | None) -> None:
    """An approval, or a ``wait`` on an event: only people or events move it now. Time passes, and files come, by themselves."""
    planned = run.planned
    if item is None:
        state.move(run, "waiting")
        state.store_node_event(run, "waiting", awaited_of(planned, slot.fields or {}, due))
    if planned.waits == "person" or planned.awaited is not None:
        state.open_to_people(run)
    if due is not None:
        state.set_timer("due", run, item, due)
    if planned.wait_timeout:
        state.set_timer("wait", run, item, state.now + planned.wait_timeout)
    if planned.remind:
        state.set_timer("remind", run, item, state.now + planned.remind)
    if planned.awaited is not None and planned.id not in state.scripted and planned.awaited[1] in state.custom:
        arrive(state, run, state.custom[planned.awaited[1]])


def come_due(state: ExecutionState, run: NodeRun, item: int | None) -> None:
    """The time is over that a ``wait`` node waits for."""
    slot: ItemRun = run if item is None or run.fan is None else run.fan.runs[item]
    if slot.attempt is not None:
        outputs = {"at": timestamp(state.now), "waited": round(state.now - slot.attempt_started, 6)}
        _came(state, run, slot.attempt, outputs)


def arrive(state: ExecutionState, run: NodeRun, payload: Mapping[str, Any]) -> None:
    """The event that a ``wait`` node waits for is there: it completes with the payload as outputs."""
    slots: list[ItemRun] = [run] if run.fan is None else list(run.fan.runs)
    for slot in slots:
        if slot.attempt is not None:
            _came(state, run, slot.attempt, payload)


def _came(state: ExecutionState, run: NodeRun, attempt: AttemptKey, outputs: Mapping[str, Any]) -> None:
    """What was waited for. A declared output that it lacks fails the attempt, but not in ``simulate``, where none need be given."""
    missing = missing_output(run.planned, outputs) if state.rationed else None
    if missing is None:
        finish_attempt(state, TaskFinished(state.now, attempt, "completed", outputs))
    else:
        finish_attempt(state, TaskFinished(state.now, attempt, "outputs", outputs, TaskError("OutputError", missing)))


def slot_of(state: ExecutionState, key: AttemptKey) -> tuple[NodeRun, ItemRun] | None:
    """The node and slot that an attempt belongs to, or None where it counts no more."""
    run = state.nodes.get(key.node)
    if run is None:
        return None
    slot: ItemRun = run
    if key.item is not None:
        if run.fan is None or not 0 <= key.item < len(run.fan.runs):
            return None
        slot = run.fan.runs[key.item]
    return (run, slot) if slot.attempt == key else None


def finish_attempt(state: ExecutionState, fact: TaskFinished) -> None:
    """A result; one that comes twice or too late changes nothing."""
    found = slot_of(state, fact.attempt)
    if found is None:
        return
    run, slot = found
    item = fact.attempt.item
    slot.attempt = None
    slot.cached = fact.cache or None
    run.why = None
    if state.timers:
        state.drop_timer(timer_name("timeout", run, item))
        state.drop_timer(timer_name("wait", run, item))
        state.drop_timer(timer_name("remind", run, item))
        state.drop_timer(timer_name("due", run, item))
    outputs = dict(fact.outputs) if slot.early is None else {**slot.early, **fact.outputs}
    if fact.state in ("completed", "approved"):
        if run.planned.waits == "person" and item is None:
            state.store_node_event(run, "approved", dict(outputs))
        _succeed(state, run, slot, item, outputs)
        return
    reason = {"timed_out": "timeout", "failed": "error", "cancelled": "error"}.get(fact.state, fact.state)
    error = fact.error or TaskError("", _DEFAULT_MESSAGES.get(reason, "the task failed").format(timeout=run.planned.timeout))
    fail_attempt(state, run, slot, item, reason, error, outputs, fact.exit_code, final=fact.state == "cancelled")


_DEFAULT_MESSAGES = {
    "error": "the task failed", "timeout": "timed out", "rejected": "rejected",
    "interrupted": "the process that ran it is gone",
}  # fmt: skip


def _succeed(state: ExecutionState, run: NodeRun, slot: ItemRun, item: int | None, outputs: dict[str, Any]) -> None:
    planned = run.planned
    wrong = wrong_output(planned, outputs) if planned.outputs else None
    if wrong is not None:
        fail_attempt(state, run, slot, item, "outputs", TaskError("OutputError", wrong), outputs, None)
        return
    slot.outputs = outputs
    if item is not None:
        items.complete(state, run, item)
        return
    if planned.fail is not None:
        verdict = fails(state, run)
        if isinstance(verdict, Diagnostic):
            fail_node(state, run, "expression", verdict)
            return
        if verdict is not None:
            fail_attempt(state, run, slot, None, "failWhen", TaskError("", verdict), outputs, None)
            return
    if planned.repeat is not None:
        _iterate(state, run)
        return
    hit = {"cached": True, "cached_from": run.cached["from"]} if run.cached and "from" in run.cached else None
    state.end_node(run, "completed", None, outputs if hit is None else {**outputs, **hit}, COMPLETED_EVENTS)


def _iterate(state: ExecutionState, run: NodeRun) -> None:
    """A ``repeat`` node's iteration succeeded: done, or once more."""
    repeat, until = run.planned.repeat, run.planned.until
    assert repeat is not None
    run.iterations_done += 1
    state.set_values(run.planned.id, run.outputs)
    state.names_changed(run.planned.id)
    try:
        done = until is None or judge_now(state, run, until)
    except Unjudgeable as error:
        fail_node(state, run, "expression", error.diagnostic)
        return
    if done:
        state.end_node(run, "completed", None, run.outputs, COMPLETED_EVENTS)
    elif run.iterations_done >= repeat.maxIterations:
        message = f"`until` is still false after {run.iterations_done} iterations"
        fail_node(state, run, "repeat", as_diagnostic(state, run, "repeat", message))
    else:
        if run.state == "waiting":
            state.move(run, "running")
        run.iteration += 1
        run.iterated = run.outputs
        run.last_number, run.number = run.number, 0
        if repeat.delay > 0:
            state.set_timer("repeat", run, None, state.now + repeat.delay)
        else:
            state.ready.append((run.index, ITERATION))


def fail_attempt(
    state: ExecutionState,
    run: NodeRun,
    slot: ItemRun,
    item: int | None,
    reason: str,
    error: TaskError,
    outputs: Mapping[str, Any],
    exit_code: int | None,
    final: bool = False,
) -> None:
    """An attempt failed: what it set is dropped; it is tried again (unless ``final``), or the node, iteration or item failed."""
    slot.failed_outputs, slot.outputs = outputs, {} if item is not None else run.iterated
    slot.error_type = error.type
    if item is None:
        state.set_values(run.planned.id, slot.outputs)
        state.names_changed(run.planned.id)
    diagnostic = as_diagnostic(state, run, reason, error.message or _DEFAULT_MESSAGES.get(reason, reason))
    retry = run.planned.retry
    tries = slot.number - state.interruptions.get((run.planned.id, state.round, run.iteration, item), 0)
    delay = _backoff(run.planned, tries)
    if reason not in NEVER_RETRIED and not final and tries < retry.maxAttempts:
        in_time = retry.maxDuration is None or state.now + delay - slot.series_started <= retry.maxDuration
        wanted, complaint = _wants_retry(state, run, slot, item, reason, error, exit_code) if in_time else (False, None)
        if wanted:
            _retry(state, run, slot, item, reason, diagnostic, delay)
            return
        if complaint is not None:
            note = Related(f"retryWhen: {complaint.message}", complaint.span)
            diagnostic = replace(
                diagnostic, related=(note,), hint=f"retryWhen has no value: {complaint.message}", source=complaint.source
            )
    conclude_failure(state, run, slot, item, reason, diagnostic)


def _wants_retry(
    state: ExecutionState, run: NodeRun, slot: ItemRun, item: int | None, reason: str, error: TaskError, exit_code: int | None
) -> tuple[bool, Diagnostic | None]:
    if run.planned.retry_when is None:
        return True, None
    local: dict[str, Any] = {
        "attempt": {
            "number": slot.number,
            "reason": reason,
            "error": {"type": error.type, "message": error.message},
            "exit_code": exit_code,
            "duration": state.now - slot.attempt_started,
            "outputs": dict(slot.failed_outputs),
        }
    }
    if item is not None and run.fan is not None:
        local |= {"item": run.fan.items[item], "index": item}
    try:
        return judge_now(state, run, run.planned.retry_when, local), None
    except Unjudgeable as complaint:
        return False, complaint.diagnostic


def _backoff(planned: PlannedNode, number: int) -> float:
    """Seconds to wait after attempt ``number``."""
    retry = planned.retry
    delay = retry.delay
    if retry.backoff == "linear":
        delay *= number
    elif retry.backoff == "exponential":
        delay *= 2.0 ** min(number - 1, 64)
    return delay if retry.maxDelay is None else min(delay, retry.maxDelay)


def _retry(
    state: ExecutionState, run: NodeRun, slot: ItemRun, item: int | None, reason: str, diagnostic: Diagnostic, delay: float
) -> None:
    payload: dict[str, Any] = {
        "attempt": slot.number, "reason": reason, "error": {"type": slot.error_type, "message": diagnostic.message}, "delay": delay,
    }  # fmt: skip
    if item is None:
        state.move(run, "retrying")
    else:
        slot.state = "retrying"
        payload["item"] = item
        items.step_back(state, run)
    state.store_node_event(run, "retrying", payload)
    name = timer_name("retry", run, item)
    state.timers[name] = ("retry", run.index, item)
    spread = delay if run.planned.retry.jitter else 0.0
    state.decide(SetTimer(name, state.now + delay, spread))


def conclude_failure(
    state: ExecutionState, run: NodeRun, slot: ItemRun, item: int | None, reason: str, diagnostic: Diagnostic
) -> None:
    """No further attempt: the node or the item failed."""
    if item is None:
        fail_node(state, run, reason, diagnostic)
    else:
        items.fail(state, run, item, reason, diagnostic)


def missing_output(planned: PlannedNode, outputs: Container[str]) -> str | None:
    """Which declared output, not optional, was not set; or None."""
    for name, declaration in planned.outputs.items():
        if name not in outputs and not declaration.optional:
            return f"output `{name}` ({declaration.type}) was declared, but not set"
    return None


def wrong_output(planned: PlannedNode, outputs: Mapping[str, Any]) -> str | None:
    """What is wrong with an attempt's outputs by their declared types, or None."""
    for name, declaration in planned.outputs.items():
        if name in outputs and not fits(outputs[name], declaration.type):
            return f"output `{name}` should be {declaration.type}, but it is {type_of(outputs[name])}: {_clipped(outputs[name])}"
    return None


def _clipped(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


# --- while it runs -------------------------------------------------------------------------------------------------


def emit(state: ExecutionState, fact: TaskEmitted) -> None:
    """A running task's own event; an undeclared one is refused where the task calls ``emit``, and ignored here."""
    found = slot_of(state, fact.attempt)
    if found is None or fact.name not in found[0].planned.emits:
        return
    run = found[0]
    if run.event_payloads is None:
        run.event_payloads = {}
    run.event_payloads.setdefault(fact.name, dict(fact.payload))
    state.store_node_event(run, fact.name, dict(fact.payload))
    state.names_changed(run.planned.id)


def note(state: ExecutionState, fact: TaskNoted) -> None:
    """What an attempt noted; also one that counts no more, whose process did not end."""
    run = state.nodes.get(fact.attempt.node)
    if run is not None and fact.attempt.round == state.round and fact.text not in run.notes:
        run.notes = (*run.notes, fact.text)[-_NOTES:]


def set_outputs(state: ExecutionState, fact: TaskOutputSet) -> None:
    """Outputs set early: seen by views, ``peek``, ``stopWhen`` and the node's own conditions; they settle nothing."""
    found = slot_of(state, fact.attempt)
    if found is None:
        return
    run, slot = found
    slot.early = {**(slot.early or {}), **fact.outputs}
    slot.outputs = {**slot.outputs, **fact.outputs}
    if fact.attempt.item is None:
        state.variables.set_scope(run.planned.id, run.outputs, state.now)
        state.turn.variables.extend((run.planned.id, name, value) for name, value in fact.outputs.items())
        state.names_changed(run.planned.id)


def set_waiting(state: ExecutionState, fact: TaskWaiting) -> None:
    """A running task waits for something outside, or goes on."""
    found = slot_of(state, fact.attempt)
    if found is None:
        return
    run, item = found[0], fact.attempt.item
    if item is not None:
        if not fact.resumed and run.fan is not None and item not in run.fan.waiting:
            state.store_node_event(run, "waiting", {**fact.told, "item": item})
        items.wait(state, run, item, fact.people and not fact.resumed)
    elif not fact.resumed and run.state == "running":
        state.move(run, "waiting")
        state.store_node_event(run, "waiting", dict(fact.told))
        run.why = _awaited(fact.told)
        if fact.people:
            state.open_to_people(run)
    elif fact.resumed and run.state == "waiting":
        state.move(run, "running")
        run.why = None


def _awaited(told: Mapping[str, Any]) -> str | None:
    """``its child `20261124-1` waits for custom.go``"""
    if "child" not in told:
        return None
    return f"its child `{told['child']}` waits" + (f" for {', '.join(told['for'])}" if told.get("for") else "")


def time_out(state: ExecutionState, run: NodeRun, item: int | None) -> None:
    """An attempt's ``timeout`` passed."""
    slot: ItemRun = run if item is None or run.fan is None else run.fan.runs[item]
    if slot.attempt is None:
        return
    state.decide(StopTask(slot.attempt, "timeout"))
    slot.attempt = None
    state.drop_timer(timer_name("wait", run, item))
    state.drop_timer(timer_name("remind", run, item))
    state.drop_timer(timer_name("due", run, item))
    message = f"timed out after {run.planned.timeout:g} s"
    fail_attempt(state, run, slot, item, "timeout", TaskError("", message), slot.early or {}, None)


def waited_too_long(state: ExecutionState, run: NodeRun, item: int | None) -> None:
    """``waitTimeout`` passed: fail, reject, or escalate once. Never an approval."""
    slot: ItemRun = run if item is None or run.fan is None else run.fan.runs[item]
    if slot.attempt is None:
        return
    policy = run.planned.on_timeout
    if isinstance(policy, dict) and not slot.escalated:
        slot.escalated = True
        within = parse_duration(policy.get("within", "1d")) or 86_400.0
        state.set_timer("wait", run, item, state.now + within)
        state.decide(Remind(slot.attempt, "escalated", tuple(policy.get("escalate") or ())))
        return
    state.decide(StopTask(slot.attempt, "timeout"))
    slot.attempt = None
    state.drop_timer(timer_name("timeout", run, item))
    state.drop_timer(timer_name("remind", run, item))
    state.drop_timer(timer_name("due", run, item))
    reason = "rejected" if policy == "reject" else "timeout"
    came = "no answer" if run.planned.waits == "person" else "what it waits for did not come"
    message = f"{came} within {run.planned.wait_timeout:g} s"
    fail_attempt(state, run, slot, item, reason, TaskError("", message), slot.early or {}, None)
