"""``forEach``: one node, one small record an item."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Optional

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.orchestration import room
from yamlflow_nb.orchestration.execution_state import ExecutionState, Fan, ItemRun, NodeRun
from yamlflow_nb.orchestration.failing import as_diagnostic, fail_node, fails
from yamlflow_nb.orchestration.lifecycle import COMPLETED_EVENTS

FEED = -2
"""In ``ready``: start further items of a ``forEach`` node."""


StartAttempt = Callable[[ExecutionState, NodeRun, ItemRun, Optional[int]], None]
"""``attempts.start_attempt``, which knows this module."""


def start(state: ExecutionState, run: NodeRun, start_attempt: StartAttempt) -> None:
    """The container starts: as many items as may run side by side."""
    assert run.fan is not None
    if all(item.state in ("completed", "failed") for item in run.fan.runs):
        _conclude(state, run, run.fan)
        return
    run.fan.next = _next_open(run.fan, 0)
    feed(state, run, start_attempt)


def _next_open(fan: Fan, index: int) -> int:
    """The first item from ``index`` on that has no result from a round before."""
    while index < len(fan.items) and fan.runs[index].state == "completed":
        index += 1
    return index


def feed(state: ExecutionState, run: NodeRun, start_attempt: StartAttempt) -> None:
    """Start items while there is room: first those whose next attempt is due, then new ones in order."""
    fan = run.fan
    if fan is None or run.state not in ("running", "waiting"):
        return
    limit = run.planned.max_parallel
    while (limit is None or fan.active < limit) and run.state in ("running", "waiting"):
        if fan.ready:
            index = fan.ready.popleft()
        else:
            if fan.stopped or fan.next >= len(fan.items):
                return
            index = fan.next
            fan.next = _next_open(fan, index + 1)
        item = fan.runs[index]
        item.state = "running"
        if item.started_at is None:
            item.started_at = state.now
        fan.active += 1
        if fan.waiting:
            _open_or_close(state, run, fan)
        room.start(state, run, index, start_attempt)


def step_back(state: ExecutionState, run: NodeRun) -> None:
    """An item waits for its next attempt and leaves its place to another."""
    assert run.fan is not None
    run.fan.active -= 1
    _no_longer_waits(state, run, run.fan)
    _more(state, run, run.fan)


def wait(state: ExecutionState, run: NodeRun, index: int, yes: bool) -> None:
    """An item's task waits for people or events, or goes on. The node does when all that are at work wait."""
    assert run.fan is not None
    (run.fan.waiting.add if yes else run.fan.waiting.discard)(index)
    _open_or_close(state, run, run.fan)


def _open_or_close(state: ExecutionState, run: NodeRun, fan: Fan) -> None:
    if fan.active and len(fan.waiting) == fan.active:
        state.open_to_people(run)
    elif run.opened:
        run.opened = False
        state.open -= 1


def due(state: ExecutionState, run: NodeRun, index: int) -> None:
    """An item's next attempt is due."""
    if run.fan is not None and run.fan.runs[index].state == "retrying":
        run.fan.ready.append(index)
        state.ready.append((run.index, FEED))


def complete(state: ExecutionState, run: NodeRun, index: int) -> None:
    """An item succeeded."""
    assert run.fan is not None
    run.fan.runs[index].state = "completed"
    run.fan.completed += 1
    _leave(state, run, run.fan)


def fail(state: ExecutionState, run: NodeRun, index: int, reason: str, diagnostic: Diagnostic) -> None:
    """An item failed for good: perhaps no further one starts."""
    fan = run.fan
    assert fan is not None
    item = fan.runs[index]
    item.state, item.reason, item.error = "failed", reason, diagnostic
    fan.failed += 1
    if fan.failed > _tolerated(run, len(fan.items)):
        fan.stopped = True
        for waiting in room.let_go(state, run.planned.id):
            fan.runs[waiting].state = "pending"
            fan.active -= 1
    _leave(state, run, fan)


def _tolerated(run: NodeRun, total: int) -> float:
    """How many items may fail while the others go on."""
    most = run.planned.max_failed
    if most is None:
        return total if run.planned.on_item_failure == "continue" else 0
    if isinstance(most, str):
        share = most.strip()
        return total * float(share[:-1]) / 100 if share.endswith("%") else float(share)
    return most


def _no_longer_waits(state: ExecutionState, run: NodeRun, fan: Fan) -> None:
    """An item that has ended, or waits for its next attempt, is not waited for by people."""
    if fan.waiting:
        fan.waiting = {index for index in fan.waiting if fan.runs[index].attempt is not None}
        _open_or_close(state, run, fan)


def _leave(state: ExecutionState, run: NodeRun, fan: Fan) -> None:
    fan.active -= 1
    _no_longer_waits(state, run, fan)
    resting = fan.active == 0 and not fan.ready
    if resting and (fan.stopped or fan.next >= len(fan.items)) and not any(item.state == "retrying" for item in fan.runs):
        _conclude(state, run, fan)
    else:
        _more(state, run, fan)


def _more(state: ExecutionState, run: NodeRun, fan: Fan) -> None:
    if fan.ready or (fan.next < len(fan.items) and not fan.stopped):
        state.ready.append((run.index, FEED))


def arrays(run: NodeRun) -> dict[str, list[Any]]:
    """The items' outputs as arrays in item order, ``None`` where an item failed or did not set the name."""
    fan = run.fan
    assert fan is not None
    names: dict[str, None] = dict.fromkeys(run.planned.outputs)
    if not fan.items:
        names.update(dict.fromkeys(run.planned.built_in_outputs))
    for item in fan.runs:
        names.update(dict.fromkeys(item.outputs))
    return {name: [item.outputs.get(name) for item in fan.runs] for name in names}


def _conclude(state: ExecutionState, run: NodeRun, fan: Fan) -> None:
    """The last item ended."""
    fan.concluded = True
    if run.state == "waiting":
        state.move(run, "running")
    outputs = arrays(run)
    if fan.stopped or (fan.items and fan.failed == len(fan.items)):
        index = next(position for position, item in enumerate(fan.runs) if item.state == "failed")
        first = fan.runs[index]
        assert first.error is not None
        message = f"{fan.failed} of {len(fan.items)} items failed; item {index}: {first.error.message}"
        run.error_type = first.error_type
        run.failed_outputs = outputs
        fail_node(state, run, first.reason or "error", replace(first.error, message=message))
        return
    run.outputs = outputs
    if run.planned.fail is not None:
        verdict = fails(state, run)
        if verdict is not None:
            run.failed_outputs, run.outputs = outputs, {}
            reason = "expression" if isinstance(verdict, Diagnostic) else "failWhen"
            diagnostic = verdict if isinstance(verdict, Diagnostic) else as_diagnostic(state, run, "failWhen", verdict)
            fail_node(state, run, reason, diagnostic)
            return
    state.end_node(run, "completed", None, outputs, COMPLETED_EVENTS)
