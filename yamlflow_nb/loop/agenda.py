"""What is to come at a time: timers that ``decide`` asked for, and facts that are known beforehand."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field

from yamlflow_nb.domain.event import Fact, TimerFired


@dataclass(order=True)
class Entry:
    """One fact to come; ordered by time, then rank (events sent from outside come last), then as it was put in."""

    at: float
    rank: int
    serial: int
    execution_id: str = field(compare=False)
    fact: Fact = field(compare=False)


class Agenda:
    """A heap of facts to come. Timers are replaced and cancelled by name: an entry that is no longer meant stays in the heap
    and is dropped when its time comes."""

    def __init__(self) -> None:
        self._heap: list[Entry] = []
        self._serial = 0
        self._meant: dict[tuple[str, str], float] = {}

    def promise(self, execution_id: str, timer: str, at: float | None) -> None:
        """From now on a timer means this time, or none: said as soon as it is decided, before anything else is looked at."""
        if at is None:
            self._meant.pop((execution_id, timer), None)
        else:
            self._meant[execution_id, timer] = at

    def put(self, execution_id: str, fact: Fact, at: float | None = None, rank: int = 0) -> None:
        """Let a fact come at its own time, or at a later one."""
        self._serial += 1
        heapq.heappush(self._heap, Entry(fact.at if at is None else at, rank, self._serial, execution_id, fact))

    def next_at(self) -> float | None:
        """When something is due next; None when nothing is to come."""
        while self._heap and not self.is_meant(self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0].at if self._heap else None

    def due(self, now: float) -> list[Entry]:
        """Take out what is due, in order. What is due at one instant but of a later rank waits for the next turn: the
        decisions of this one may bring something that comes before it."""
        found: list[Entry] = []
        while self._heap and self._heap[0].at <= now:
            if found and (self._heap[0].at, self._heap[0].rank) != (found[-1].at, found[-1].rank):
                break
            found.append(heapq.heappop(self._heap))
        return found

    def is_meant(self, entry: Entry) -> bool:
        """Whether an entry still counts: a timer that was neither cancelled nor set anew."""
        return not isinstance(entry.fact, TimerFired) or self.rings(entry.execution_id, entry.fact)

    def rings(self, execution_id: str, fact: TimerFired) -> bool:
        """Whether a timer is still set to the time at which it comes."""
        return self._meant.get((execution_id, fact.timer)) == fact.at

    def forget(self, execution_id: str) -> None:
        """Drop everything of one execution."""
        self._heap = [entry for entry in self._heap if entry.execution_id != execution_id]
        heapq.heapify(self._heap)
        for key in [key for key in self._meant if key[0] == execution_id]:
            del self._meant[key]
