"""What becomes of attempts whose process died: tried again, failed, or a person is asked (``onInterrupt``)."""

from __future__ import annotations

from typing import Any

from yamlflow_nb.domain.decision import StartTask
from yamlflow_nb.domain.event import AttemptKey, InterruptionAnswered, TakenOver, TaskError
from yamlflow_nb.domain.execution_plan import TRUE
from yamlflow_nb.orchestration import items, passes, place, room
from yamlflow_nb.orchestration.attempts import fail_attempt, start_again
from yamlflow_nb.orchestration.execution_state import ExecutionState, ItemRun, NodeRun, timer_name
from yamlflow_nb.orchestration.lifecycle import ACTIVE

PATIENCE = 3
"""Interruptions of one node, iteration or item after which also ``onInterrupt: retry`` asks: a task that takes its process
down each time would else do so for ever."""

MESSAGE = "the process that ran it is gone"


def take_over(state: ExecutionState, fact: TakenOver) -> None:
    """Another process goes on: every attempt that was at work is answered by its node's ``onInterrupt``. People and events
    that were awaited are awaited still, and so are children: they live by themselves, and are looked for again."""
    found = [
        (run, item, slot, slot.attempt) for run in state.order for item, slot in _at_work(state, run) if slot.attempt is not None
    ]
    told: dict[str, Any] = {
        "owner": fact.owner,
        "interrupted": [_name(key) for run, *_, key in found if run.planned.waits != "child"],
    }
    if fact.by:
        told["by"] = fact.by
    state.paused = False
    state.store("pipeline", "resumed", told)
    if not state.finishing:
        state.pipeline_events.add("resumed")
        state.settle("pipeline", "resumed", TRUE)
    room.ask_again(state)
    place.hold_again(state)
    for run, item, slot, key in found:
        if run.planned.waits == "child" and run.planned.id not in state.scripted:
            start_again(state, run, slot, item)
        else:
            _interrupt(state, run, slot, item, key)
    for run in state.order:
        if _looks(state, run):
            _look_again(state, run)


def answer(state: ExecutionState, fact: InterruptionAnswered) -> None:
    """A person's answer; one to a node that does not ask (any more) changes nothing."""
    run = state.nodes.get(fact.node)
    if run is None:
        return
    for item in asking(state, run):
        if fact.item is None or fact.item == item:
            slot = _slot(run, item)
            del state.asking[fact.node, item]
            run.why = None
            if fact.answer == "retry":
                _try_again(state, run, slot, item, fact.by)
            else:
                _close_to_people(state, run)
                _fail(state, run, slot, item)


def asking(state: ExecutionState, run: NodeRun) -> list[int | None]:
    """Which attempts of a node wait for ``retry`` or ``fail``: items, or ``[None]`` for the node itself."""
    found: list[int | None] = []
    for (node, item), key in state.asking.items():
        if node != run.planned.id or run.state not in ACTIVE or (key.round, key.iteration) != (state.round, run.iteration):
            continue
        slot = _slot(run, item)
        if slot.attempt is None and slot.number == key.number and slot.state in ("running", "waiting"):
            found.append(item)
    return found


def _looks(state: ExecutionState, run: NodeRun) -> bool:
    """A ``wait`` node that waits for a file, or for a time to be over: there is no work that an end of the process interrupts."""
    planned = run.planned
    return run.state in ACTIVE and planned.waits == "event" and planned.awaited is None and planned.id not in state.scripted


def _look_again(state: ExecutionState, run: NodeRun) -> None:
    """The same attempts go on in this process: a file is looked for from here, a timer rings wherever it is heard."""
    slots: list[tuple[int | None, ItemRun]] = [(None, run)] if run.fan is None else list(enumerate(run.fan.runs))
    for item, slot in slots:
        if slot.attempt is not None and timer_name("due", run, item) not in state.timers:
            state.decide(StartTask(slot.attempt, run.planned.type or "", {}, slot.fields or {}, run.planned.timeout))


def _at_work(state: ExecutionState, run: NodeRun) -> list[tuple[int | None, ItemRun]]:
    planned = run.planned
    if run.state not in ACTIVE or planned.waits == "person" or planned.awaited is not None or _looks(state, run):
        return []
    if run.fan is not None:
        return list(enumerate(run.fan.runs))
    return [(None, run)]


def _slot(run: NodeRun, item: int | None) -> ItemRun:
    return run if item is None or run.fan is None else run.fan.runs[item]


def _name(key: AttemptKey) -> str:
    """``train, attempt 2``, with the item where there is one."""
    item = "" if key.item is None else f"[{key.item}]"
    return f"{key.node}{item}, attempt {key.number}"


def _interrupt(state: ExecutionState, run: NodeRun, slot: ItemRun, item: int | None, key: AttemptKey) -> None:
    slot.attempt = None
    slot.failed_outputs, slot.outputs = slot.early or {}, {} if item is not None else run.iterated
    if item is None:
        state.set_values(run.planned.id, run.outputs)
        state.names_changed(run.planned.id)
    for kind in ("timeout", "wait", "due"):
        state.drop_timer(timer_name(kind, run, item))
    policy = run.planned.on_interrupt
    count = state.interruptions[key[:4]] = state.interruptions.get(key[:4], 0) + 1
    if policy == "fail":
        _fail(state, run, slot, item)
    elif policy == "retry" and count <= PATIENCE:
        _try_again(state, run, slot, item, None)
    else:
        _ask(state, run, item, key)


def _fail(state: ExecutionState, run: NodeRun, slot: ItemRun, item: int | None) -> None:
    """The attempt failed with reason ``interrupted`` and counts as any that failed: ``retryWhen`` and ``retry`` say whether
    there is another."""
    state.interruptions[run.planned.id, state.round, run.iteration, item] -= 1
    fail_attempt(state, run, slot, item, "interrupted", TaskError("Interrupted", MESSAGE), slot.failed_outputs, None)


def _try_again(state: ExecutionState, run: NodeRun, slot: ItemRun, item: int | None, by: str | None) -> None:
    """Another attempt at once, not counted by ``retry.maxAttempts``: the task did not fail."""
    slot.error_type = "Interrupted"
    told: dict[str, Any] = {
        "attempt": slot.number, "reason": "interrupted", "error": {"type": "Interrupted", "message": MESSAGE}, "delay": 0.0,
    }  # fmt: skip
    if by:
        told["by"] = by
    if item is None:
        state.move(run, "retrying")
        state.store_node_event(run, "retrying", told)
        passes.queue(state, run)
        return
    _close_to_people(state, run)
    slot.state = "retrying"
    state.store_node_event(run, "retrying", told | {"item": item})
    items.step_back(state, run)
    items.due(state, run, item)


def _ask(state: ExecutionState, run: NodeRun, item: int | None, key: AttemptKey) -> None:
    """Whether the work was done nobody knows: a person decides."""
    state.asking[run.planned.id, item] = key
    run.why = f"{MESSAGE}; whether it had done its work is not known: retry or fail"
    told: dict[str, Any] = {"reason": "interrupted", "attempt": key.number, "answers": ["retry", "fail"]}
    if item is None and run.state != "waiting":
        state.move(run, "waiting")
    state.store_node_event(run, "waiting", told if item is None else told | {"item": item})
    state.open_to_people(run)


def _close_to_people(state: ExecutionState, run: NodeRun) -> None:
    """A ``forEach`` of which no item asks any more is moved by its items again."""
    if run.fan is not None and run.opened and not asking(state, run):
        run.opened = False
        state.open -= 1
