"""One attempt and its child: looked at as it goes on, whoever drives it, until its result is there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from yamlflow_nb.domain.diagnostic import DiagnosticError
from yamlflow_nb.domain.event import PauseRequested, ResumeRequested
from yamlflow_nb.domain.ports.leases import TERMINAL_STATUS, Standing
from yamlflow_nb.domain.ports.repository import ExecutionRecord
from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.loop.kernel_loop import LoopClosed
from yamlflow_nb.loop.run import Run
from yamlflow_nb.loop.stop_signal import in_own_thread
from yamlflow_nb.orchestration.execution_state import ExecutionState
from yamlflow_nb.orchestration.place import REASON as QUEUED
from yamlflow_nb.orchestration.place import WORKER
from yamlflow_nb.orchestration.simulation import outstanding

if TYPE_CHECKING:
    from yamlflow_nb.services.child_executions import ChildExecutions

_OUTSIDE = ("waiting", "paused")
"""States in which only people or events move a child, and with it its parent."""


class AttachedChild:
    """Which execution is the attempt's is settled in ``begin``; from then on the child is watched in this process, or from afar."""

    def __init__(self, house: ChildExecutions, work: Work, pipeline: str, cancels: bool) -> None:
        self._house = house
        self._work = work
        self._pipeline = pipeline
        self._cancels = cancels
        self._id = ""
        self._lock = threading.Lock()
        self._call: Callable[[], None] | None = None
        self._is_there = False
        self._failure: BaseException | None = None
        self._state: ExecutionState | None = None
        self._waits = False
        self._parent: Run | None = None
        self._paused = False
        self._told_off = False

    # --- which one ---------------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Find the attempt's child, or begin it."""
        house, work, key = self._house, self._work, self._work.attempt
        count, record = house.newest(work.execution_id, key)
        if record is not None and house.serves(record, key):
            self._follow(record.id)
        elif record is not None and record.status not in TERMINAL_STATUS:
            self._after_an_earlier_attempt(record)
        else:
            self._next(record, count)

    def _after_an_earlier_attempt(self, record: ExecutionRecord) -> None:
        """An attempt before this one was given up, and its child is still there."""
        if not self._cancels:
            self._follow(record.id)
            return
        self._house.cancel(record.id, self._work.execution_id)
        run = self._house.run(record.id)
        again = self._guarded(self.begin)
        if run is not None:
            run.when_over(lambda: in_own_thread(again))
        else:
            self._house.lookout.watch(record.id, lambda standing: self._ended(standing, again))

    @staticmethod
    def _ended(standing: Standing | None, then: Callable[[], None]) -> bool:
        if standing is not None and not standing.has_ended:
            return False
        in_own_thread(then)
        return True

    def _next(self, record: ExecutionRecord | None, count: int) -> None:
        """Another round of the child that failed, or another child."""
        house, work = self._house, self._work
        definition, source = house.definition(work, self._pipeline)
        values = house.inputs(definition, work)
        if record is not None and house.is_to_go_on(record, definition, values):
            house.reopen(record, work)
            self._follow(record.id)
            return
        house.refuse_circles(house.parent(work), definition)
        self._follow(house.start(work, count + 1, definition, source, values))

    # --- watched -----------------------------------------------------------------------------------------------------

    def _follow(self, execution_id: str) -> None:
        """Watch it to its end; what nobody drives is driven here."""
        self._id = execution_id
        house = self._house
        standing = house.repository.standing(execution_id)
        run = house.run(execution_id)
        if run is None and standing is not None and standing.has_ended:
            self._there()
            return
        if run is None and standing is not None and not house.loop.tenure.is_driven(standing):
            house.take_over(execution_id, self._work)
            run = house.run(execution_id)
        parent = house.run(self._work.execution_id)
        if parent is not None and self._parent is None:
            self._parent = parent
            parent.watch(self._parent_changed)
        if parent is not None and run is not None:
            parent.children[run] = self._is_called_off
        if run is None:
            house.lookout.watch(execution_id, self._seen)
        else:
            run.watch(lambda: self._changed(run))
            run.when_over(lambda: self._over(run))

    def _seen(self, standing: Standing | None) -> bool:
        """How it stands in another process; whether that is all that is to be seen."""
        if standing is None or self._work.stopped():
            return True
        if standing.has_ended or not self._house.loop.tenure.is_driven(standing):
            in_own_thread(self._guarded(lambda: self._follow(self._id)))
            return True
        self._tell_waiting(standing.status, standing.reason, None)
        return False

    def _over(self, run: Run) -> None:
        """It has ended, or this process had to give it up."""
        if self._parent is not None:
            self._parent.children.pop(run, None)
        if run.lost is None:
            self._state = run.state
            self._there()
        elif not isinstance(run.lost, LoopClosed):
            in_own_thread(self._guarded(lambda: self._follow(self._id)))

    def _changed(self, run: Run) -> None:
        with run.lock:  # in the middle of a turn it may look as if nothing were at work
            status, reason = run.state.status, run.state.reason
        self._tell_waiting(status, reason, run.state)

    def _tell_waiting(self, status: str, reason: str | None, state: ExecutionState | None) -> None:
        waits = status in _OUTSIDE and reason not in (QUEUED, WORKER)  # one that is only queued moves by itself
        with self._lock:
            if waits is self._waits or self._is_there:
                return
            self._waits = waits
        told: dict[str, Any] = {"child": self._id}
        if waits and state is not None:
            told["for"] = outstanding(state) or ["resume"]
        self._work.waiting(waits, told)

    def _parent_changed(self) -> None:
        """A pause of the parent is one of its children."""
        parent = self._parent
        if parent is None:
            return
        paused = parent.state.status == "paused"
        with self._lock:
            if paused is self._paused or self._is_there:
                return
            self._paused = paused
        fact = (PauseRequested if paused else ResumeRequested)(self._house.loop.now(), parent.id)
        in_own_thread(lambda: self._quietly(lambda: self._house.desk.tell(self._id, fact)))

    # --- the result --------------------------------------------------------------------------------------------------

    def when_there(self, call: Callable[[], None]) -> None:
        with self._lock:
            self._call = call
            there = self._is_there
        if there:
            call()

    def _there(self, failure: BaseException | None = None) -> None:
        with self._lock:
            if self._is_there:
                return
            self._is_there, self._failure = True, failure
            call = self._call
        if self._parent is not None:
            self._parent.unwatch(self._parent_changed)
        if call is not None:
            call()

    def result(self) -> Mapping[str, Any]:
        """The child's outputs. Raises ``TaskFailed`` with the error of the node that failed it, and its id."""
        if self._failure is not None:
            raise self._failure
        state = self._state
        if state is None:
            record = self._house.repository.execution(self._id)
            if record is None:
                raise TaskFailed("ChildError", f"the child `{self._id}` is gone from the store")
            state = self._house.desk.follow(record).run.state
        if state.ended == "completed":
            return dict(state.outputs)
        raise failure_of(state)

    def cancel(self) -> None:
        """The attempt was called off."""
        if self._cancels and self._id:
            self._quietly(lambda: self._house.cancel(self._id, self._work.execution_id))
        self._told_off = True

    def _is_called_off(self) -> bool:
        return self._cancels and self._work.stopped() and not self._told_off

    def _guarded(self, call: Callable[[], None]) -> Callable[[], None]:
        """What is done later fails the attempt as it would have failed it at once; for one that was called off nothing is done."""

        def guarded() -> None:
            try:
                if not self._work.stopped():
                    call()
            except BaseException as error:
                self._there(error)

        return guarded

    def _quietly(self, call: Callable[[], None]) -> None:
        """It may have ended meanwhile, or be out of reach; its own history tells."""
        try:
            call()
        except DiagnosticError as error:
            self._work.log(f"the child `{self._id}` could not be told: {error}")


def failure_of(state: ExecutionState) -> TaskFailed:
    """Why a child did not complete, told by the node that failed it."""
    name = f"`{state.plan.definition.name}` ({state.execution_id})"
    if state.ended == "cancelled":
        by_hand = state.reason == "cancelled"
        because = state.error.message if state.error is not None else state.reason
        why = "was cancelled" if by_hand else f"was cancelled ({because})"
        return TaskFailed("ChildCancelled", f"{name} {why}", outputs=state.outputs, by_hand=by_hand)
    failed = next((run for run in state.order if run.state == "failed" and not run.ignored and run.error is not None), None)
    if failed is None or failed.error is None:
        why = state.error.message if state.error is not None else state.reason or "failed"
        return TaskFailed("ChildFailed", f"{name} failed: {why}", outputs=state.outputs)
    message = f"{name} failed at `{failed.planned.id}`: {failed.error.message}"
    return TaskFailed(failed.error_type or "ChildFailed", message, outputs=state.outputs)
