"""How many events one execution may store: a task that emits without end is stopped, and memory stays flat."""

from __future__ import annotations

import logging

from yamlflow_nb.domain.event import CancelRequested, CustomEventSent, Fact, TaskEmitted, TaskError, TaskFinished, TimerFired
from yamlflow_nb.orchestration.execution_state import ExecutionState

MOST_EVENTS = 51_200
MANY_EVENTS = 10_240
"""Per 10,000 nodes and items, beside what the nodes' own lives store."""
_OF_A_LIFE = 6
_log = logging.getLogger("yamlflow_nb")


class EventLimit:
    """The limit of one execution. It is counted out only where the execution comes near: the items of ``forEach`` nodes, which
    raise it, are known late and are many."""

    def __init__(self, state: ExecutionState) -> None:
        self._state = state
        self._most = self._allowed(MOST_EVENTS, 0)
        self._many: float = self._allowed(MANY_EVENTS, 0)

    def let_in(self, fact: Fact) -> Fact | None:
        """The fact itself, or beyond the limit what stops the one that goes too far. None: it is refused."""
        state = self._state
        if not self.is_reached(len(state.log.rows)):
            return fact
        if isinstance(fact, TaskEmitted):
            return TaskFinished(fact.at, fact.attempt, "failed", {}, TaskError("TooManyEvents", self.told()))
        if isinstance(fact, CustomEventSent):
            return None
        if isinstance(fact, TimerFired) and state.halted is None and not fact.timer.startswith("pipeline"):
            return CancelRequested(fact.at, "the limit of events")
        return fact

    def is_reached(self, count: int) -> bool:
        """Whether so many events are as many as there may be."""
        if count >= self._most:
            self._most = self._allowed(MOST_EVENTS, self._items())
        return count >= self._most

    def warn(self) -> None:
        """Said once, when the execution comes near."""
        if len(self._state.log.rows) < self._many:
            return
        self._many = self._allowed(MANY_EVENTS, self._items())
        if len(self._state.log.rows) >= self._many:
            most = self._allowed(MOST_EVENTS, self._items())
            _log.warning("`%s` holds %s events; at most %s are kept", self._state.execution_id, f"{self._many:,}", f"{most:,}")
            self._many = float("inf")

    def told(self) -> str:
        """The limit in words."""
        return f"the execution holds {len(self._state.log.rows):,} events; at most {self._most:,} are kept"

    def _items(self) -> int:
        return sum(len(run.fan.items) for run in self._state.order if run.fan is not None)

    def _allowed(self, events: int, items: int) -> int:
        nodes = len(self._state.order)
        return events * max(1, -(-(nodes + items) // 10_000)) + _OF_A_LIFE * nodes
