"""The loop: one thread that drives every execution of this process. It sleeps on one queue and never polls.

A turn: take all that has arrived, ``decide`` for each, commit the whole in one transaction, carry the decisions out.
"""

from __future__ import annotations

import logging
import random
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from yamlflow_nb.domain.approval import Refusal
from yamlflow_nb.domain.event import Fact, Started
from yamlflow_nb.domain.execution_plan import ExecutionPlan
from yamlflow_nb.domain.ports.artifact_store import ArtifactStore
from yamlflow_nb.domain.ports.clock import Clock, VirtualClock
from yamlflow_nb.domain.ports.leases import Bell, Presence
from yamlflow_nb.domain.ports.notices import Notifiers
from yamlflow_nb.domain.ports.repository import ExecutionRecord, Repository
from yamlflow_nb.domain.ports.settings import NoSettings, Settings
from yamlflow_nb.domain.ports.task_executor import TaskExecutor
from yamlflow_nb.infrastructure.process_identity import ProcessIdentity
from yamlflow_nb.infrastructure.resource_manager import ResourceManager
from yamlflow_nb.loop.agenda import Agenda
from yamlflow_nb.loop.carry_out import CarryOut, Foretelling
from yamlflow_nb.loop.concurrency import Concurrency
from yamlflow_nb.loop.pools import Pools
from yamlflow_nb.loop.post import Post
from yamlflow_nb.loop.run import Run
from yamlflow_nb.loop.tenure import LEASE_SECONDS, Tenure
from yamlflow_nb.loop.turn import Arrival, Begin, TurnTaker
from yamlflow_nb.loop.workers import Workers
from yamlflow_nb.orchestration.execution_orchestrator import new_execution
from yamlflow_nb.orchestration.replay import Replay

_log = logging.getLogger("yamlflow_nb")
_FOR_EVER = 24 * 3600.0
_TRY_AGAIN = 1.0
"""Seconds between two tries to write what the store did not take."""
_TAKEN_IN = 2.0
"""Seconds that whoever gives a command waits for the turn in which it is taken in."""
RUNG, RENEW = "rung", "renew"


class LoopClosed(RuntimeError):
    """The loop that drove an execution was closed before the execution ended."""


class KernelLoop:
    """Drives executions: facts in, decisions out.

    ``executors`` by task type; ``workers`` tasks run side by side. Attempts leave what they write below ``runs_folder``.
    With a ``VirtualClock`` nobody waits: when there is nothing to do, time jumps to what is due next.
    ``chance`` gives numbers from 0 to 1 for ``retry.jitter``. ``presence`` says who this is, ``bell`` makes the bell by
    which others ring, given what to call then. ``settings`` say how large pools are, ``notifiers`` send what pipelines notify of.
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
        presence: Presence | None = None,
        bell: Callable[[str, Callable[[], None]], Bell] | None = None,
        lease_seconds: float = LEASE_SECONDS,
        notifiers: Notifiers | None = None,
        settings: Settings | None = None,
    ) -> None:
        self._clock = clock
        self._virtual = clock if isinstance(clock, VirtualClock) else None
        self._queue: SimpleQueue[Any] = SimpleQueue()
        self._agenda = Agenda()
        self._workers = Workers(workers)
        self._scripted = frozenset(
            name for executor in executors.values() if isinstance(executor, Foretelling) for name in executor.scripted
        )
        identity = presence if presence is not None else ProcessIdentity()
        made = bell(identity.owner, self.wake) if bell is not None else None
        self.bell = made
        self.tenure = Tenure(repository, identity, made, lease_seconds)
        folder = runs_folder if runs_folder is not None else Path(tempfile.gettempdir()) / "yamlflow-runs"
        self.runs_folder = folder
        self.pools = Pools(settings if settings is not None else NoSettings(), workers)
        self._carry = CarryOut(
            executors, artifacts, clock, self._agenda, self._workers, folder, self.send, chance, self.pools, self._may_start
        )
        concurrency = Concurrency(repository, self.tenure, clock, self.send)
        self._post = Post(repository, notifiers, identity.owner, clock)
        self._turns = TurnTaker(repository, clock, self._agenda, self._carry, self.tenure, concurrency, self._post)
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
        state.scripted = self.scripted(plan)
        state.rationed = True
        run = Run(record, state, self._turns.lock)
        run.namespace = namespace
        return self._begin(Begin(run, started, created=record, later=later))

    def take_over(
        self, record: ExecutionRecord, replay: Replay, epoch: int, fact: Fact, namespace: Any = None, then: Sequence[Fact] = ()
    ) -> Run:
        """Go on with an execution that was read back, under the lease taken for it: its timers ring at their stored times,
        after ``fact`` and what comes ``then`` in the same turn. Raises what the store raises."""
        run = Run(record, replay.state, self._turns.lock, epoch, replay.facts)
        run.namespace = namespace
        return self._begin(Begin(run, fact, timers=tuple(replay.timers.values()), then=then))

    def scripted(self, plan: ExecutionPlan) -> frozenset[str]:
        """The nodes of a plan that follow a script instead of working."""
        return self._scripted & frozenset(plan.index)

    def send(self, execution_id: str, fact: Fact) -> None:
        """Let a fact reach an execution; one that is not driven here (any more) is dropped."""
        self._put(Arrival(execution_id, fact))

    def tell(self, execution_id: str, fact: Fact, timeout: float = _TAKEN_IN) -> Refusal | None:
        """The same, and wait until it was taken in (not from the loop's own thread, which would wait for itself); why it was
        refused, where it was."""
        arrival = Arrival(execution_id, fact, done=threading.Event())
        self._put(arrival)
        if arrival.done is not None and threading.current_thread() is not self._thread:
            arrival.done.wait(timeout)
        return arrival.refused

    @property
    def resources(self) -> ResourceManager:
        """Who uses which pool."""
        return self._carry.resources

    def wake(self) -> None:
        """Somebody rang: look what is asked in the store."""
        self._put(RUNG)

    @property
    def is_closed(self) -> bool:
        """Whether it drives nothing any more."""
        return self._closed

    def run(self, execution_id: str) -> Run | None:
        """An execution that this loop drives, or None."""
        return self._turns.runs.get(execution_id)

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
        self._post.close()

    def _begin(self, begin: Begin) -> Run:
        self._put(begin)
        begin.done.wait()
        if begin.run.lost is not None and not begin.taken:
            raise begin.run.lost
        self._carry.expect(begin.run)
        return begin.run

    def _may_start(self, run: Run) -> bool:
        """Whether a worker may call the executor of an attempt; waits until the lease is sure."""
        return self.tenure.may_start(lambda: run.lost is not None or self._closed, lambda: self._put(RENEW))

    def _put(self, message: Any) -> None:
        with self._starting:
            if self._closed:
                if isinstance(message, Begin):
                    raise LoopClosed("the loop was closed")
                if isinstance(message, Arrival) and message.done is not None:
                    message.done.set()
                return
            if self._thread is None:
                if message in (RUNG, RENEW):
                    return
                self.tenure.listen()
                self._post.look()
                self._thread = threading.Thread(target=self._serve, name="yamlflow-loop", daemon=True)
                self._thread.start()
            self._queue.put(message)

    # --- the loop's own thread ---------------------------------------------------------------------------------------

    def _serve(self) -> None:
        late: list[Any] = []
        while True:
            messages = late + self._arrived()
            closing = None in messages
            try:
                late = self._taken(messages)
            except Exception as error:  # a bug of ours: whoever waits is told, and what is in the store is gone on with
                _log.exception("the loop met what it does not know")
                self._turns.abandon(error, messages)
                late = []
            if closing:
                self._shut()
                return

    def _taken(self, messages: list[Any]) -> list[Any]:
        """One turn with what has arrived; returns what has to wait for the store."""
        self._settling += [message for message in messages if isinstance(message, threading.Event)]
        if self._turns.runs and (RENEW in messages or self.tenure.due_in() <= 0):
            self._turns.keep_leases()
        if not self._turns.flush():
            return self._turns.refuse_begins([message for message in messages if message is not None and message != RENEW])
        self._turns.take(
            [message for message in messages if isinstance(message, Arrival)],
            [message for message in messages if isinstance(message, Begin)],
            rung=RUNG in messages,
        )
        return []

    def _shut(self) -> None:
        left = list(self._turns.runs.values())
        for run in left:
            self._turns.lose(run, LoopClosed(f"the loop was closed while `{run.id}` was {run.state.status}"))
        self.tenure.close([run.id for run in left])
        for settled in self._settling:
            settled.set()

    def _arrived(self) -> list[Any]:
        """All that has arrived; sleeps until something does, or something is due."""
        messages = self._drain()
        if messages:
            return messages
        due, held = self._agenda.next_at(), self._turns.is_held
        if due is not None and self._virtual is not None and self._carry.idle and not held:
            self._virtual.jump(due)
            return []
        if due is None and self._carry.idle and not held:
            for settled in self._settling:
                settled.set()
            self._settling.clear()
        timeout = self._sleep(due, held)
        if timeout is not None and timeout <= 0:
            return []
        try:
            return [self._queue.get(timeout=timeout), *self._drain()]
        except Empty:
            return []

    def _sleep(self, due: float | None, held: bool) -> float | None:
        """Seconds until there is something to do without anything arriving; None: never."""
        if held:
            return _TRY_AGAIN
        ends: list[float] = []
        if due is not None and self._virtual is None:
            ends.append(min(due - self._clock.now(), _FOR_EVER))
        if self._turns.runs:
            ends.append(self.tenure.due_in())
        return min(ends) if ends else None

    def _drain(self) -> list[Any]:
        """What is there; nobody else takes anything out."""
        return [self._queue.get_nowait() for _ in range(self._queue.qsize())]
