"""One execution in memory: its record, its state, and who waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from yamlflow_nb.domain.event import Fact
from yamlflow_nb.domain.execution_plan import ExecutionPlan
from yamlflow_nb.domain.ports.repository import ExecutionRecord
from yamlflow_nb.loop.limits import EventLimit
from yamlflow_nb.orchestration.execution_state import ExecutionState
from yamlflow_nb.orchestration.replay import Replay


class Progress(NamedTuple):
    """How far a running task says it is. Seen while it runs, never stored."""

    done: float
    total: float | None
    text: str


class Run:
    """An execution that this process drives, or one that it read back from the store.

    ``state`` is advanced by the loop's thread alone; others read it holding ``lock``, so that they see whole turns that are
    in the store. ``version`` counts the changes. ``lost`` is why the process gave it up, when it did. ``epoch`` is the lease
    under which it is driven, ``facts`` how many of its facts are in the store, ``held`` the reason while its last turn waits
    for the store to take it. ``children`` are those of its nodes that this process drives and that have not ended, each
    with whether it was called off and does not know it yet.
    """

    def __init__(
        self, record: ExecutionRecord, state: ExecutionState, lock: threading.RLock | None = None, epoch: int = 1, facts: int = 0
    ) -> None:
        self.record = record
        self.folder = Path(record.folder)
        self.state = state
        self.lock = lock if lock is not None else threading.RLock()
        self.namespace: Any = None
        self.progress: dict[str, Progress] = {}
        self.lost: BaseException | None = None
        self.epoch = epoch
        self.facts = facts
        self.held: str | None = None
        self.limit = EventLimit(state)
        self.version = 0
        self._changed = threading.Condition()
        self._ended = threading.Event()
        self._when_ended: list[Callable[[], None]] = []
        self._watching: list[Callable[[], None]] = []
        self.children: dict[Run, Callable[[], bool]] = {}

    @property
    def id(self) -> str:
        return self.record.id

    @property
    def plan(self) -> ExecutionPlan:
        return self.state.plan

    @property
    def status(self) -> str:
        """As it stood after the last whole turn."""
        with self.lock:
            return self.state.status

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come of it in this process: ended, or lost."""
        return self._ended.is_set()

    def tell(self) -> None:
        """Something that others may see has changed."""
        with self._changed:
            self.version += 1
            self._changed.notify_all()
        for callback in tuple(self._watching):
            callback()

    def end(self, lost: BaseException | None = None) -> None:
        """Nothing more will come: whoever waits goes on."""
        self.lost = lost
        self._ended.set()
        with self._changed:
            waiting, self._when_ended = self._when_ended, []
        self.tell()
        for callback in waiting:
            callback()

    def when_over(self, callback: Callable[[], None]) -> None:
        """Call back once, from the loop's thread, or at once when it is over already."""
        with self._changed:
            if not self._ended.is_set():
                self._when_ended.append(callback)
                return
        callback()

    def watch(self, callback: Callable[[], None]) -> None:
        """Call back at every change, from the thread that made it, and once at once."""
        self._watching.append(callback)
        callback()

    def unwatch(self, callback: Callable[[], None]) -> None:
        """Call back no more."""
        if callback in self._watching:
            self._watching.remove(callback)

    def wait(self, timeout: float | None = None) -> bool:
        """Until it is over; False when the time is over first."""
        return self._ended.wait(timeout)

    def wait_for_change(self, seen: int, timeout: float | None = None) -> int:
        """Until ``version`` is another than ``seen``, or the time is over; returns the version."""
        with self._changed:
            self._changed.wait_for(lambda: self.version != seen or self._ended.is_set(), timeout)
            return self.version


def replay(plan: ExecutionPlan, execution_id: str, facts: Iterable[Fact], scripted: frozenset[str] = frozenset()) -> ExecutionState:
    """The state that stored facts lead to: the same ``decide``, its decisions carried out by nobody."""
    replayed = Replay(plan, execution_id, scripted)
    replayed.add(facts)
    return replayed.state
