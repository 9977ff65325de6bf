"""The loop: one thread that drives every execution of this process. It sleeps on one queue and never polls.

A turn: take all that has arrived, ``decide`` for each, commit the whole in one transaction, carry the decisions out.
"""

from __future__ import annotations

import random
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from yamlflow_nb.domain.decision import Decision
from yamlflow_nb.domain.event import Fact, Started, TaskFinished, TimerFired
from yamlflow_nb.domain.execution_plan import ExecutionPlan
from yamlflow_nb.domain.ports.artifact_store import ArtifactStore
from yamlflow_nb.domain.ports.clock import Clock, VirtualClock
from yamlflow_nb.domain.ports.repository import ExecutionRecord, Repository
from yamlflow_nb.domain.ports.task_executor import TaskExecutor
from yamlflow_nb.loop.agenda import Agenda
from yamlflow_nb.loop.carry_out import CarryOut, Foretelling
from yamlflow_nb.loop.record import Draft
from yamlflow_nb.loop.run import Run, replay
from yamlflow_nb.loop.workers import Workers
from yamlflow_nb.orchestration.execution_orchestrator import decide, new_execution

_FOR_EVER = 24 * 3600.0


class LoopClosed(RuntimeError):
    """The loop that drove an execution was closed before the execution ended."""


class _Begin:
    """A new execution on its way into the loop; ``done`` when its first turn is in the store, or it was refused."""

    def __init__(self, run: Run, fact: Started, later: Sequence[tuple[Fact, int]]) -> None:
        self.run = run
        self.fact = fact
        self.later = later
        self.done = threading.Event()


class KernelLoop:
    """Drives executions: facts in, decisions out.

    ``executors`` by task type; ``workers`` tasks run side by side. Attempts leave what they write below ``runs_folder``.
    With a ``VirtualClock`` nobody waits: when there is nothing to do, time jumps to what is due next.
    ``chance`` gives numbers from 0 to 1 for ``retry.jitter``.
    """

    def __init__(
        self,
        repository: Repository,
        executors: Mapping[str, TaskExecutor],
        artifacts: ArtifactStore,
        clock: Clock,
        *,
        workers: int = 8,
        runs_folder: Path | None = None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._repository = repository
        self._clock = clock
        self._virtual = clock if isinstance(clock, VirtualClock) else None
        self._queue: SimpleQueue[Any] = SimpleQueue()
        self._agenda = Agenda()
        self._workers = Workers(workers)
        self._lock = threading.RLock()
        self._runs: dict[str, Run] = {}
        self._scripted = frozenset(
            name for executor in executors.values() if isinstance(executor, Foretelling) for name in executor.scripted
        )
        folder = runs_folder if runs_folder is not None else Path(tempfile.gettempdir()) / "yamlflow-runs"
        self.runs_folder = folder
        self._carry = CarryOut(executors, artifacts, clock, self._agenda, self._workers, folder, self.send, chance)
        self._settling: list[threading.Event] = []
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False

    # --- for other threads -------------------------------------------------------------------------------------------

    def now(self) -> float:
        """What time it is, for facts that are made outside."""
        return self._clock.now()

    def start(
        self,
        record: ExecutionRecord,
        plan: ExecutionPlan,
        started: Started,
        *,
        namespace: Any = None,
        later: Sequence[tuple[Fact, int]] = (),
    ) -> Run:
        """Begin an execution; returns when it is in the store. ``later`` are facts that will come at their times, with their
        rank among what comes at the same instant. Raises what the store raises when it cannot be written."""
        state = new_execution(plan, record.id)
        state.scripted = self._scripted & frozenset(plan.index)
        run = Run(record, state, self._lock)
        run.namespace = namespace
        begin = _Begin(run, started, later)
        self._put(begin)
        begin.done.wait()
        if run.lost is not None:
            raise run.lost
        return run

    def send(self, execution_id: str, fact: Fact) -> None:
        """Let a fact reach an execution; one that is not driven here (any more) is dropped."""
        self._put((execution_id, fact))

    def run(self, execution_id: str) -> Run | None:
        """An execution that this loop drives, or None."""
        return self._runs.get(execution_id)

    def load(self, record: ExecutionRecord, plan: ExecutionPlan) -> Run:
        """An execution as the store has it, from its facts. It is read, not driven."""
        run = Run(record, replay(plan, record.id, self._repository.facts(record.id), self._scripted & frozenset(plan.index)))
        if run.state.ended is not None:
            run.end()
        return run

    def settle(self, timeout: float | None = None) -> bool:
        """Wait until nothing is at work, on its way or due: what has not ended by then waits for people or events.
        False when the time is over first."""
        settled = threading.Event()
        self._put(settled)
        return settled.wait(timeout)

    def close(self) -> None:
        """Stop driving. Executions that have not ended stay in the store as they are; who waits for them is told so."""
        with self._starting:
            self._closed = True
            thread = self._thread
        if thread is not None:
            self._queue.put(None)
            if thread is not threading.current_thread():
                thread.join()
        self._workers.close()

    def _put(self, message: Any) -> None:
        with self._starting:
            if self._closed:
                if isinstance(message, _Begin):
                    raise LoopClosed("the loop was closed")
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="yamlflow-loop", daemon=True)
                self._thread.start()
            self._queue.put(message)

    # --- the loop's own thread ---------------------------------------------------------------------------------------

    def _serve(self) -> None:
        while True:
            messages = self._arrived()
            closing = None in messages
            self._turn([message for message in messages if message is not None])
            if closing:
                for run in list(self._runs.values()):
                    self._lose(run, LoopClosed(f"the loop was closed while `{run.id}` was {run.state.status}"))
                for settled in self._settling:
                    settled.set()
                return

    def _arrived(self) -> list[Any]:
        """All that has arrived; sleeps until something does, or something is due."""
        messages = self._drain()
        if messages:
            return messages
        due = self._agenda.next_at()
        if due is not None and self._virtual is not None and self._carry.idle:
            self._virtual.jump(due)
            return []
        if due is None and self._carry.idle:
            for settled in self._settling:
                settled.set()
            self._settling.clear()
        timeout: float | None = None
        if due is not None and self._virtual is None:
            timeout = min(due - self._clock.now(), _FOR_EVER)
            if timeout <= 0:
                return []
        try:
            return [self._queue.get(timeout=timeout), *self._drain()]
        except Empty:
            return []

    def _drain(self) -> list[Any]:
        messages: list[Any] = []
        while True:
            try:
                messages.append(self._queue.get_nowait())
            except Empty:
                return messages

    def _turn(self, messages: list[Any]) -> None:
        self._settling += [message for message in messages if isinstance(message, threading.Event)]
        begun = [message for message in messages if isinstance(message, _Begin)]
        entries = self._agenda.due(self._clock.now())
        facts: list[tuple[str, Fact]] = [(begin.run.id, begin.fact) for begin in begun]
        rest = [message for message in messages if isinstance(message, tuple)]
        rest += [(entry.execution_id, entry.fact) for entry in entries]
        facts += sorted(rest, key=lambda pair: pair[1].at)
        with self._lock:
            for begin in begun:
                self._create(begin)
            drafts: dict[str, Draft] = {}
            decisions: list[tuple[Run, Decision]] = []
            for execution_id, fact in facts:
                self._decide(execution_id, fact, drafts, decisions)
            self._commit(drafts)
        for run, decision in decisions:
            if run.lost is None:
                try:
                    self._carry.carry_out(run, decision)
                except Exception as error:
                    self._lose(run, error)
        for execution_id in drafts:
            run_ = self._runs.get(execution_id)
            if run_ is not None:
                run_.tell()
                if run_.is_over:
                    del self._runs[execution_id]
        for begin in begun:
            begin.done.set()

    def _create(self, begin: _Begin) -> None:
        run = begin.run
        try:
            self._repository.create(run.record)
        except Exception as error:
            run.end(error)
            return
        self._runs[run.id] = run
        for fact, rank in begin.later:
            self._agenda.put(run.id, fact, rank=rank)

    def _decide(self, execution_id: str, fact: Fact, drafts: dict[str, Draft], decisions: list[tuple[Run, Decision]]) -> None:
        run = self._runs.get(execution_id)
        if run is None:
            return
        if isinstance(fact, TimerFired) and not self._agenda.rings(execution_id, fact):
            return
        if isinstance(fact, TaskFinished):
            self._carry.finished(execution_id, fact.attempt)
        counted = run.state.ended is None
        try:
            turn = decide(run.state, fact)[1]
        except Exception as error:
            drafts.pop(execution_id, None)
            self._lose(run, error)
            return
        drafts.setdefault(execution_id, Draft(run.state)).add(fact, turn, counted)
        for decision in turn.decisions:
            self._carry.promise(run, decision)
            decisions.append((run, decision))

    def _commit(self, drafts: dict[str, Draft]) -> None:
        """Everything of the turn in one transaction. When that is refused, each execution for itself, so that one that
        cannot be written takes no other with it."""
        now = self._clock.now()
        commits = [commit for draft in drafts.values() if (commit := draft.commit(now)) is not None]
        if not commits:
            return
        try:
            self._repository.commit(commits)
            return
        except Exception as error:
            if len(commits) == 1:
                self._lose(self._runs[commits[0].execution_id], error)
                return
        for commit in commits:
            try:
                self._repository.commit([commit])
            except Exception as error:
                self._lose(self._runs[commit.execution_id], error)

    def _lose(self, run: Run, error: BaseException) -> None:
        """Give an execution up: what is in memory and what is in the store may differ. The store's is the truth."""
        self._runs.pop(run.id, None)
        self._carry.forget(run)
        run.end(error)
