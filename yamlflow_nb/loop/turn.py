"""A turn: all that has arrived → ``decide`` for each → one commit → the decisions carried out."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from yamlflow_nb.domain.approval import Refusal
from yamlflow_nb.domain.decision import Decision, SetTimer, StartTask, StopTask
from yamlflow_nb.domain.event import ApprovalDecided, Fact, RoomGranted, TaskFinished, TimerFired
from yamlflow_nb.domain.ports.clock import Clock
from yamlflow_nb.domain.ports.repository import ExecutionRecord, Repository
from yamlflow_nb.domain.store_error import OwnershipLost, StoreError, UnreadableRecord
from yamlflow_nb.domain.uncollected import uncollected
from yamlflow_nb.infrastructure.crash_points import crash_point
from yamlflow_nb.infrastructure.process_identity import told
from yamlflow_nb.loop.agenda import Agenda
from yamlflow_nb.loop.carry_out import CarryOut
from yamlflow_nb.loop.committing import Refused, Written, hold_reason, write
from yamlflow_nb.loop.concurrency import Concurrency
from yamlflow_nb.loop.post import Post
from yamlflow_nb.loop.record import Draft
from yamlflow_nb.loop.run import Run
from yamlflow_nb.loop.tenure import Tenure
from yamlflow_nb.orchestration.approval import refusal
from yamlflow_nb.orchestration.execution_orchestrator import decide

_log = logging.getLogger("yamlflow_nb")


@dataclass
class Arrival:
    """A fact on its way to an execution; ``request_id`` where another process asked for it, ``done`` where somebody waits for
    it to be taken in, ``refused`` why it was not."""

    execution_id: str
    fact: Fact
    request_id: str | None = None
    done: threading.Event | None = None
    refused: Refusal | None = None


class Begin:
    """An execution on its way into the loop, with the first fact under this owner; ``done`` when its first turn is in the
    store (``taken``), or it was refused. ``created``: it is new. ``then`` are facts of the same turn."""

    def __init__(
        self,
        run: Run,
        fact: Fact,
        created: ExecutionRecord | None = None,
        later: Sequence[tuple[Fact, int]] = (),
        timers: Sequence[SetTimer] = (),
        then: Sequence[Fact] = (),
    ) -> None:
        self.run = run
        self.fact = fact
        self.created = created
        self.later = later
        self.timers = timers
        self.then = then
        self.taken = False
        self.done = threading.Event()


@dataclass
class _Made:
    """What a turn made: to be written, then carried out."""

    drafts: dict[str, Draft]
    decisions: list[tuple[Run, Decision]]
    turns: list[Written]


class TurnTaker:
    """Takes turns, on the loop's thread alone. ``runs`` are the executions that are driven; others look at them holding
    ``lock``. A turn that the store does not take for now is held, and no other begins before it is written."""

    def __init__(
        self,
        repository: Repository,
        clock: Clock,
        agenda: Agenda,
        carry: CarryOut,
        tenure: Tenure,
        concurrency: Concurrency,
        post: Post,
    ) -> None:
        self._repository = repository
        self._clock = clock
        self._agenda = agenda
        self._carry = carry
        self._tenure = tenure
        self._concurrency = concurrency
        self._post = post
        self._held: _Made | None = None
        self.lock = threading.RLock()
        self.runs: dict[str, Run] = {}

    # --- a turn --------------------------------------------------------------------------------------------------------

    def take(self, arrived: Sequence[Arrival], begun: Sequence[Begin], rung: bool = False) -> None:
        """One turn with all that has arrived and all that is due."""
        due = [Arrival(entry.execution_id, entry.fact) for entry in self._agenda.due(self._clock.now())]
        asked = self._asked() if rung or any(begin.created is None for begin in begun) else []
        with self.lock:
            first = [Arrival(begin.run.id, fact) for begin in begun for fact in (begin.fact, *begin.then)]
            for begin in begun:
                self._admit(begin)
            facts = [*first, *sorted([*arrived, *asked, *due], key=lambda arrival: arrival.fact.at)]
            if facts:
                crash_point("fact-arrived")
            made = self._decided(facts, {begin.run.id: Draft(begin.run, begin.created) for begin in begun})
            refused = self._write(made)
        for begin in begun:
            begin.taken = begin.run.lost is None
        if refused.held:
            self._hold(made, refused, begun)
        else:
            self._carry_out(made)
        if begun or rung:
            # Before whoever began goes on: those that stand in line stand in the order in which they were begun.
            self._concurrency.look(self.runs.values())
        for begin in begun:
            begin.taken = begin.taken and begin.run.id not in {run.id for run, _ in refused.lost}
            begin.done.set()
        for arrival in arrived:
            if arrival.done is not None:
                arrival.done.set()

    def _asked(self) -> list[Arrival]:
        """What other processes ask of the executions that are driven here; asked at what is now the loop's time."""
        try:
            requests = self._repository.asked(self._tenure.owner)
        except StoreError as error:
            _log.warning("requests could not be read: %s", error)
            return []
        if requests:
            crash_point("request-read")
        now = self._clock.now()
        return [Arrival(one.execution_id, replace(one.fact, at=now), one.id) for one in requests]

    def _admit(self, begin: Begin) -> None:
        crash_point("begin-accepted")
        run = begin.run
        if begin.created is not None:
            record, tenure = begin.created, self._tenure
            record.owner, record.ring, record.epoch = tenure.owner, tenure.ring, run.epoch
            record.expires_at = self._repository.now() + tenure.seconds
        if not self.runs:
            self._tenure.confirm_new()
        self.runs[run.id] = run
        self._carry.rearm(run, begin.timers)
        for fact, rank in begin.later:
            self._agenda.put(run.id, fact, rank=rank)

    @uncollected
    def _decided(self, facts: Sequence[Arrival], drafts: dict[str, Draft]) -> _Made:
        made = _Made(drafts, [], [])
        for arrival in facts:
            self._decide(arrival, made)
        now = self._clock.now()
        for draft in made.drafts.values():
            commit = draft.commit(now)
            if commit is not None:
                made.turns.append((draft.run, commit))
            else:
                self._answer_alone(draft)
        if made.turns:
            crash_point("decided")
        return made

    def _decide(self, arrival: Arrival, made: _Made) -> None:
        run = self.runs.get(arrival.execution_id)
        if run is None:
            self._carry.not_taken(arrival.execution_id, arrival.fact)
            return
        fact: Fact | None = arrival.fact
        if isinstance(fact, TimerFired) and not self._agenda.rings(run.id, fact):
            return
        if isinstance(fact, TaskFinished):
            self._carry.finished(run.id, fact.attempt)
        draft = made.drafts.get(run.id)
        if draft is None:
            draft = made.drafts[run.id] = Draft(run)
        fact = run.limit.let_in(arrival.fact)
        if fact is None:
            if arrival.request_id is not None:
                draft.answers.append((arrival.request_id, "the execution holds as many events as it may"))
            return
        if isinstance(fact, ApprovalDecided):
            arrival.refused = refusal(run.state, fact)
            if arrival.refused is not None:
                if arrival.request_id is not None:
                    draft.answers.append((arrival.request_id, arrival.refused.as_text()))
                return
        counted = run.state.ended is None
        try:
            turn = decide(run.state, fact)[1]
        except Exception as error:
            made.drafts.pop(run.id, None)
            self._set_aside(run, error)
            return
        if isinstance(fact, RoomGranted) and not any(isinstance(one, StartTask) for one in turn.decisions):
            self._carry.not_taken(run.id, fact)
        run.limit.warn()
        draft.add(fact, turn, counted, arrival.request_id)
        for decision in turn.decisions:
            self._carry.promise(run, decision)
            made.decisions.append((run, decision))

    def _answer_alone(self, draft: Draft) -> None:
        """A request that changed nothing is answered without a turn."""
        for request_id, why in draft.answers:
            try:
                self._repository.refuse(request_id, why)
            except StoreError as error:
                _log.warning("a request could not be answered: %s", error)

    def _write(self, made: _Made) -> Refused:
        refused = write(self._repository, made.turns)
        for run, error in refused.lost:
            self.lose(run, error)
        if refused.everything is not None:
            for run in list(self.runs.values()):
                self.lose(run, refused.everything)
        return refused

    @uncollected
    def _carry_out(self, made: _Made) -> None:
        if any(draft.notices for draft in made.drafts.values()):
            self._post.ring()
        # An attempt that was called off in the turn that started it never begins.
        stopped = {(run.id, decision.attempt) for run, decision in made.decisions if isinstance(decision, StopTask)}
        for run, decision in made.decisions:
            if run.lost is not None or (isinstance(decision, StartTask) and (run.id, decision.attempt) in stopped):
                self._carry.leave(run, decision)
                continue
            try:
                self._carry.carry_out(run, decision)
            except Exception as error:
                self.lose(run, error)
        ended = False
        for execution_id in made.drafts:
            run_ = self.runs.get(execution_id)
            if run_ is not None:
                run_.tell()
                if run_.is_over:
                    del self.runs[execution_id]
                    self._concurrency.left(run_)
                    ended = True
        if ended:
            self._concurrency.look(self.runs.values())

    # --- what the store does not take ----------------------------------------------------------------------------------

    @property
    def is_held(self) -> bool:
        """Whether a turn waits for the store."""
        return self._held is not None

    def _hold(self, made: _Made, refused: Refused, begun: Sequence[Begin]) -> None:
        """Keep the turn in memory. What was only to begin is refused instead: its caller is there to be told."""
        fresh = {begin.run.id for begin in begun}
        for begin in begun:
            if refused.why is not None and any(run is begin.run for run, _ in refused.held):
                self.lose(begin.run, refused.why)
                begin.taken = False
        made.turns = [one for one in refused.held if one[0].id not in fresh]
        made.drafts = {name: draft for name, draft in made.drafts.items() if name not in fresh}
        if not made.turns:
            self._carry_out(made)
            return
        self._held = made
        _log.warning("nothing new starts until the store takes what has happened: %s", refused.why)
        self._mark(hold_reason(refused.why))

    def flush(self) -> bool:
        """Write the turn that is held; whether nothing is (any more)."""
        made = self._held
        if made is None:
            return True
        made.turns = [one for one in made.turns if one[0].lost is None]
        refused = self._write(made)
        made.turns = refused.held
        if made.turns:
            self._mark(hold_reason(refused.why))
            return False
        self._held = None
        self._mark(None)
        self._carry_out(made)
        return True

    def _mark(self, reason: str | None) -> None:
        for run in self.runs.values():
            if run.held != reason:
                run.held = reason
                run.tell()

    def refuse_begins(self, messages: list[Any]) -> list[Any]:
        """While a turn is held nothing new begins; returns what is to wait."""
        for begin in messages:
            if isinstance(begin, Begin):
                begin.run.end(StoreError("the store takes nothing for now", "make room on its disk, then start again"))
                begin.done.set()
        return [message for message in messages if isinstance(message, Arrival) or message == "rung"]

    def abandon(self, error: Exception, messages: Sequence[Any]) -> None:
        """Give everything up, so that nobody waits for a turn that will not come."""
        self._held = None
        for begin in messages:
            if isinstance(begin, Begin) and not begin.done.is_set():
                begin.run.end(error)
                begin.done.set()
            elif isinstance(begin, Arrival) and begin.done is not None:
                begin.done.set()
        left = list(self.runs.values())
        for run in left:
            self.lose(run, error)
        self._tenure.let_go([run.id for run in left])

    # --- giving up -----------------------------------------------------------------------------------------------------

    def keep_leases(self) -> None:
        """Extend the leases; what another process has taken over is given up."""
        held = self._tenure.renew()
        self._concurrency.look(self.runs.values())
        if held is not None:
            for run in [run for run in self.runs.values() if run.id not in held]:
                self.lose(run, OwnershipLost({run.id}))

    def lose(self, run: Run, error: BaseException) -> None:
        """Give an execution up: what is in memory and what is in the store may differ. The store's is the truth."""
        self.runs.pop(run.id, None)
        self._carry.forget(run)
        self._concurrency.left(run)
        run.end(self._named(run, error) if isinstance(error, OwnershipLost) else error)

    def _named(self, run: Run, error: OwnershipLost) -> OwnershipLost:
        """Who has it now, where the store says so."""
        try:
            standing = self._repository.standing(run.id)
        except StoreError:
            return error
        if standing is None or standing.owner in (None, self._tenure.owner):
            return error
        return OwnershipLost({run.id}, f"`{run.id}` is driven by {told(standing.owner)} now")

    def _set_aside(self, run: Run, error: Exception) -> None:
        """A fact that ``decide`` cannot take in would stop the loop each time: its execution is put aside, the others go on."""
        _log.error("`%s` is set aside: %s: %s", run.id, type(error).__name__, error)
        try:
            self._repository.set_aside(run.id, run.epoch, "quarantined", f"{type(error).__name__}: {error}")
        except StoreError as complaint:
            _log.warning("`%s` could not be marked: %s", run.id, complaint)
        lost = UnreadableRecord(f"`{run.id}` is set aside: {type(error).__name__}: {error}", "yamlflow resume --force tries again")
        lost.__cause__ = error
        self.lose(run, lost)
