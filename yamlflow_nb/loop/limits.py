"""How many events one execution may store: a task that emits without end is stopped, and memory stays flat."""

from __future__ import annotations

import logging

from yamlflow_nb.domain.event import CancelRequested, CustomEventSent, Fact, TaskEmitted, TaskError, TaskFinished, TimerFired
from yamlflow_nb.orchestration.execution_state import ExecutionState

MOST_EVENTS = 51_200
MANY_EVENTS = 10_240
"""Per 10,000 nodes and items."""
_log = logging.getLogger("yamlflow_nb")


def most_events(state: ExecutionState) -> int:
    """The events that an execution of this size may store."""
    return MOST_EVENTS * _tens_of_thousands(state)


def within_limits(state: ExecutionState, fact: Fact) -> Fact | None:
    """The fact that is let in: itself, or beyond the limit what stops the one that goes too far. None: it is refused."""
    count = len(state.log.rows)
    if count < MANY_EVENTS:
        return fact
    size = _tens_of_thousands(state)
    if count < MOST_EVENTS * size:
        return fact
    if isinstance(fact, TaskEmitted):
        return TaskFinished(fact.at, fact.attempt, "failed", {}, TaskError("TooManyEvents", told(state)))
    if isinstance(fact, CustomEventSent):
        return None
    if isinstance(fact, TimerFired) and state.halted is None and not fact.timer.startswith("pipeline"):
        return CancelRequested(fact.at, "the limit of events")
    return fact


def told(state: ExecutionState) -> str:
    """The limit in words."""
    return f"the execution holds {len(state.log.rows):,} events; at most {most_events(state):,} are kept"


def warn_of_many(state: ExecutionState, before: int) -> None:
    """Said once, when an execution comes near."""
    size = _tens_of_thousands(state) if len(state.log.rows) >= MANY_EVENTS else 1
    if before < MANY_EVENTS * size <= len(state.log.rows):
        _log.warning("`%s` holds %s events; at most %s are kept", state.execution_id, MANY_EVENTS * size, MOST_EVENTS * size)


def _tens_of_thousands(state: ExecutionState) -> int:
    items = sum(len(run.fan.items) for run in state.order if run.fan is not None)
    return max(1, -(-(len(state.order) + items) // 10_000))
