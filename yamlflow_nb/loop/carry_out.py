"""Decisions → the world: tasks to executors, timers to the agenda, the end to whoever waits for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from yamlflow_nb.domain.decision import AskRoom, CancelTimer, Decision, FinishExecution, SetTimer, StartTask, StopTask
from yamlflow_nb.domain.event import AttemptKey, Fact, RoomGranted, TaskError, TaskFinished, TimerFired
from yamlflow_nb.domain.execution_plan import PlannedNode
from yamlflow_nb.domain.pool import PoolSize
from yamlflow_nb.domain.ports.artifact_store import ArtifactStore
from yamlflow_nb.domain.ports.clock import Clock
from yamlflow_nb.domain.ports.task_executor import Looking, TaskExecutor
from yamlflow_nb.domain.task_definition import TaskType
from yamlflow_nb.infrastructure.crash_points import crash_point
from yamlflow_nb.infrastructure.resource_manager import Place, PoolName, ResourceManager
from yamlflow_nb.loop.agenda import Agenda
from yamlflow_nb.loop.attempt import AskingJob, AttemptJob, Surroundings
from yamlflow_nb.loop.pools import Pools
from yamlflow_nb.loop.run import Run
from yamlflow_nb.loop.stop_signal import in_own_thread
from yamlflow_nb.loop.watching import Watching
from yamlflow_nb.loop.workers import Workers
from yamlflow_nb.orchestration.execution_state import timer_name


@runtime_checkable
class Foretelling(Protocol):
    """An executor that does nothing but knows what will come: a script instead of work."""

    scripted: frozenset[str]

    def foretell(self, start: StartTask, planned: PlannedNode, item: Any, at: float) -> Sequence[Fact]:
        """The facts that this attempt brings, at their times."""


@runtime_checkable
class Preparing(Protocol):
    """An executor that takes long to begin, and can have that done by the time it is called."""

    def expect(self) -> None:
        """A task of its type is going to be started. Returns at once."""


@runtime_checkable
class Lasting(Protocol):
    """An executor whose attempts live by themselves."""

    def call_off(self, execution_id: str, attempt: AttemptKey, fields: Mapping[str, Any]) -> None:
        """Stop an attempt that this process has not looked after."""


class CarryOut:
    """Carries out what was decided, in order, after it was committed."""

    def __init__(
        self,
        executors: Mapping[str, TaskExecutor],
        artifacts: ArtifactStore,
        clock: Clock,
        agenda: Agenda,
        workers: Workers,
        runs_folder: Path,
        tell: Callable[[str, Fact], None],
        chance: Callable[[], float],
        pools: Pools,
        may_start: Callable[[Run], bool] = lambda run: True,
    ) -> None:
        self._executors = executors
        # Asked for each attempt, a protocol's `isinstance` would cost more than deciding it.
        self._foretelling = {name: one for name, one in executors.items() if isinstance(one, Foretelling)}
        self._around = Surroundings(
            artifacts, clock, runs_folder, tell, may_start, lambda execution_id, key, yes: self._rest((execution_id, key), yes)
        )
        self._preparing = {name: one for name, one in executors.items() if isinstance(one, Preparing)}
        self._looking = {name for name, one in executors.items() if isinstance(one, Looking)}
        self._watching = Watching()
        self._agenda = agenda
        self._workers = workers
        self._chance = chance
        self._pools = pools
        self.resources = ResourceManager(lambda place: tell(place.execution_id, RoomGranted(clock.now(), place.node, place.item)))
        self._jobs: dict[tuple[str, AttemptKey], AttemptJob] = {}
        self._resting: set[tuple[str, AttemptKey]] = set()
        """Of the jobs those whose result comes by itself: no thread works at them."""

    def carry_out(self, run: Run, decision: Decision) -> None:
        """Do one thing that was decided. Raises what a script of outcomes that is not of its form raises."""
        crash_point("before-carry-out")
        if isinstance(decision, StartTask):
            self._start(run, decision)
        elif isinstance(decision, AskRoom):
            self._ask_room(run, decision)
        elif isinstance(decision, SetTimer):
            later = decision.spread * self._chance() if decision.spread else 0.0
            self._agenda.put(run.id, TimerFired(decision.at, decision.timer), decision.at + later)
        elif isinstance(decision, StopTask):
            job = self._jobs.pop((run.id, decision.attempt), None)
            self._rest((run.id, decision.attempt), False)
            if job is not None:
                job.stop()
            else:
                self._call_off(run, decision.attempt)
        elif isinstance(decision, FinishExecution):
            crash_point("execution-ended")
            self.forget(run)
            run.end()

    def expect(self, run: Run) -> None:
        """Let the executors that this run is going to call get ready."""
        if self._preparing:
            for name in self._preparing.keys() & {node.type for node in run.state.plan.nodes}:
                self._preparing[name].expect()

    def leave(self, run: Run, decision: Decision) -> None:
        """What was decided is not to be done, or not any more: the room that it had is free."""
        if isinstance(decision, StartTask):
            self.resources.release(Place(run.id, decision.attempt.node, decision.attempt.item))

    def not_taken(self, execution_id: str, fact: Fact) -> None:
        """A fact that started nothing: room that was granted to nobody any more is free again."""
        if isinstance(fact, RoomGranted):
            self.resources.release(Place(execution_id, fact.node, fact.item))

    def rearm(self, run: Run, timers: Iterable[SetTimer]) -> None:
        """Timers of an execution that was read back: they ring at the times that were stored, also past ones."""
        for timer in timers:
            self.promise(run, timer)
            later = timer.spread * self._chance() if timer.spread else 0.0
            self._agenda.put(run.id, TimerFired(timer.at, timer.timer), timer.at + later)

    def promise(self, run: Run, decision: Decision) -> None:
        """Take note of timers as soon as they are decided, so that one that was called off does not ring in the same turn."""
        if isinstance(decision, SetTimer):
            self._agenda.promise(run.id, decision.timer, decision.at)
        elif isinstance(decision, CancelTimer):
            self._agenda.promise(run.id, decision.timer, None)

    @property
    def idle(self) -> bool:
        """Whether no attempt that still counts is at work, or has a result on its way."""
        return len(self._jobs) <= len(self._resting)

    def finished(self, execution_id: str, key: AttemptKey) -> None:
        """An attempt's result has arrived."""
        self._jobs.pop((execution_id, key), None)
        self._rest((execution_id, key), False)

    def forget(self, run: Run) -> None:
        """Nothing of an execution counts any more."""
        self._agenda.forget(run.id)
        self.resources.forget(run.id)
        for key in [key for key in self._jobs if key[0] == run.id]:
            self._jobs.pop(key).abandon()
            self._rest(key, False)

    def _call_off(self, run: Run, key: AttemptKey) -> None:
        """An attempt that lives by itself is stopped also where this process had not begun to look after it."""
        planned = run.state.nodes[key.node].planned
        executor = self._executors.get(planned.type or "")
        if planned.waits == "child" and isinstance(executor, Lasting):
            in_own_thread(partial(executor.call_off, run.id, key, planned.fields))

    def _rest(self, job: tuple[str, AttemptKey], yes: bool) -> None:
        """From a worker, or from the loop: a job's result comes by itself, or nobody waits for it any more. Until then it keeps its
        room."""
        if yes and job in self._jobs:
            self._resting.add(job)
        elif job in self._resting:
            self._resting.discard(job)
            self.resources.release(Place(job[0], job[1].node, job[1].item))

    def _start(self, run: Run, start: StartTask) -> None:
        key = start.attempt
        node = run.state.nodes[key.node]
        executor = self._executors.get(start.type)
        foretelling = self._foretelling.get(start.type)
        if foretelling is not None:
            item = node.fan.items[key.item] if node.fan is not None and key.item is not None else None
            for fact in foretelling.foretell(start, node.planned, item, run.state.now):
                self._agenda.put(run.id, fact)
        elif node.planned.waits == "person":
            self.leave(run, start)
            if executor is not None:
                # Not one of the jobs that are waited for: what it looks at is soon seen, and the waiting is nobody's work.
                self._workers.submit(AskingJob(run, start, executor, self._around))
        elif timer_name("due", node, key.item) in run.state.timers:
            self.leave(run, start)  # a timer brings the result
        elif executor is None:
            self.leave(run, start)
            error = TaskError("TaskTypeError", _cannot_run(run.plan.task_types.get(start.type), start.type))
            self._around.tell(run.id, TaskFinished(self._around.clock.now(), key, "failed", {}, error))
        else:
            job = AttemptJob(run, start, executor, self._around)
            self._jobs[run.id, key] = job
            if start.type in self._looking:
                self.leave(run, start)  # to wait takes no room
                self._watching.add(job.look)
            else:
                self._workers.submit(job if node.planned.demand is None else partial(self._with_room, run, start, job))
            crash_point("task-submitted")

    def _ask_room(self, run: Run, asked: AskRoom) -> None:
        found = self._pools.find(run.plan, run.folder, asked.demand.pool)
        # A pool that has gone from the configuration since the start limits nobody.
        pool, size = found or (PoolName("", asked.demand.pool), PoolSize(asked.demand.slots, asked.demand.memory))
        self.resources.ask(Place(run.id, asked.node, asked.item), pool, size, asked.demand, asked.priority)

    def _with_room(self, run: Run, start: StartTask, job: AttemptJob) -> None:
        try:
            job()
        finally:
            if (run.id, start.attempt) not in self._resting:
                self.leave(run, start)


def _cannot_run(kind: TaskType | None, name: str) -> str:
    if kind is None or not kind.is_missing:
        return f"task type `{name}` cannot run yet"
    package = f": pip install {kind.package} brings it" if kind.package else ""
    return f"the task type `{name}` is not installed any more{package}; then `yamlflow retry` goes on"
