"""Where commands are handed in: to the loop of this process, to another that drives the execution, or to nobody."""

from __future__ import annotations

import getpass
import hashlib
import os
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from yamlflow_nb.domain.approval import Asked, Refusal
from yamlflow_nb.domain.diagnostic import DefinitionError
from yamlflow_nb.domain.event import ApprovalDecided, CustomEventSent, Fact, Forked, RetryRequested, Started, TakenOver
from yamlflow_nb.domain.execution_plan import ExecutionPlan
from yamlflow_nb.domain.notice import Notice
from yamlflow_nb.domain.pipeline_definition import PipelineDefinition
from yamlflow_nb.domain.ports.leases import Standing
from yamlflow_nb.domain.ports.repository import ExecutionRecord, Repository
from yamlflow_nb.domain.ports.requests import APPLIED, MOVED_ON, Request
from yamlflow_nb.domain.store_error import StoreError, UnreadableRecord
from yamlflow_nb.infrastructure.configuration import ConfigurationError
from yamlflow_nb.infrastructure.crash_points import crash_point
from yamlflow_nb.infrastructure.process_identity import host_of, told
from yamlflow_nb.loop.kernel_loop import KernelLoop
from yamlflow_nb.loop.record import Draft
from yamlflow_nb.loop.resume import Follower, compare, read_back
from yamlflow_nb.loop.run import Run
from yamlflow_nb.orchestration.approval import refusal
from yamlflow_nb.orchestration.execution_orchestrator import decide, new_execution
from yamlflow_nb.orchestration.place import WORKER
from yamlflow_nb.orchestration.replay import Replay
from yamlflow_nb.services.command_error import CommandError
from yamlflow_nb.services.deciding import as_data, error_of, refused_beside
from yamlflow_nb.services.pipeline_service import PipelineService
from yamlflow_nb.services.pipeline_source import PipelineSource

try:
    import pwd
except ImportError:  # Windows
    pwd = None  # type: ignore[assignment]

ANSWER_SECONDS = 5.0
"""How long whoever asks another process waits for its answer."""
QUARANTINED = "quarantined"
MOST_LOADS = 3
"""How many processes may die of an execution before they have moved it; then it is set aside."""


class Desk:
    """Knows who drives an execution, and how to reach them."""

    def __init__(
        self, loop: KernelLoop, repository: Repository, pipelines: PipelineService, render: Callable[[Any], str] = str
    ) -> None:
        self._render = render
        self._loop = loop
        self._repository = repository
        self._pipelines = pipelines

    def now(self) -> float:
        """What time it is, for facts."""
        return self._loop.now()

    @property
    def runs_folder(self) -> Path:
        """Where attempts leave what they write."""
        return self._loop.runs_folder

    def begin(
        self, record: ExecutionRecord, plan: ExecutionPlan, fact: Started | Forked, namespace: Mapping[str, Any] | None
    ) -> Run:
        """A new execution, driven by this process; it is in the store when this returns. Raises ``CommandError`` (YF738, YF739)."""
        self.check_pools(plan, Path(record.folder))
        return self._loop.start(record, plan, fact, namespace=namespace)

    def check_pools(self, plan: ExecutionPlan, folder: Path) -> None:
        """Raises ``CommandError`` where a node needs more than any pool has (YF738), or the pools cannot be read (YF739)."""
        try:
            problem = next(iter(self._loop.pools.problems(plan, folder)), None)
        except ConfigurationError as error:
            raise CommandError("YF739", str(error)) from None
        if problem is not None:
            raise CommandError("YF738", *problem)

    def plan_of(self, source: PipelineSource) -> ExecutionPlan:
        """The plan of a text. Raises ``DefinitionError``."""
        return self._pipelines.plan(self._pipelines.load_source(source))

    def pins(self, definition: PipelineDefinition) -> dict[str, str]:
        """What names without a version stand for now, and the versions of packages."""
        return self._pipelines.pins(definition)

    # --- who drives it ---------------------------------------------------------------------------------------------

    def driven_here(self, execution_id: str) -> Run | None:
        """The execution where this process drives it."""
        return self._loop.run(execution_id)

    def is_driven(self, record: ExecutionRecord) -> bool:
        """Whether any process drives it now."""
        return self._loop.tenure.may_be_driven(record.owner, record.expires_at)

    def seen(self, execution_id: str, status: str, reason: str | None) -> tuple[str, str | None]:
        """Status and reason of one that is not driven here, as others see it."""
        standing = self._repository.standing(execution_id)
        return (status, reason) if standing is None else self._as_seen(standing, status, reason)

    def stored(self, execution_id: str) -> tuple[bool, str, str | None]:
        """Whether an execution has ended, its status and its reason, as the store has them now."""
        standing = self._repository.standing(execution_id)
        assert standing is not None, "whoever holds it has seen it in the store"
        return standing.has_ended, standing.status, standing.reason

    def as_seen(self, record: ExecutionRecord) -> ExecutionRecord:
        """A record with the status that others see."""
        standing = Standing(record.status, record.reason, record.owner, record.epoch, record.expires_at, 0)
        status, reason = self._as_seen(standing, record.status, record.reason)
        return replace(record, status=status, reason=reason)

    def _as_seen(self, standing: Standing, status: str, reason: str | None) -> tuple[str, str | None]:
        if standing.has_ended:
            return status, reason
        if standing.reason == QUARANTINED:
            return "paused", QUARANTINED
        waits = standing.owner is None and standing.reason == WORKER
        return (status, reason) if waits or self._loop.tenure.is_driven(standing) else ("interrupted", reason)

    def children(self, execution_id: str) -> list[ExecutionRecord]:
        """What the nodes of an execution have started, as others see it."""
        return [self.as_seen(record) for record in self._repository.children(execution_id)]

    # --- commands --------------------------------------------------------------------------------------------------

    def tell(self, execution_id: str, fact: Fact) -> None:
        """Let a fact reach an execution. One that another process drives is asked, and has answered when this returns.
        Raises ``CommandError``: YF702 it has ended, YF722 nobody drives it, YF724 no answer yet."""
        if self._loop.run(execution_id) is not None:
            self._loop.tell(execution_id, fact)
            return
        standing = self._repository.standing(execution_id)
        if standing is None or standing.has_ended:
            raise ended(execution_id, standing.status if standing else None)
        if not self._loop.tenure.is_driven(standing):
            raise interrupted(execution_id)
        request = Request(_request_id(execution_id, fact), execution_id, fact)
        self._repository.ask(request)
        crash_point("request-written")
        if self._loop.bell is not None:
            self._loop.bell.ring(standing.ring)
        self._await_answer(request, standing)

    def decide(self, run: Run, fact: ApprovalDecided) -> bool:
        """Hand in a decision on an approval. True: it was taken in. False: nobody drives the execution; it is kept in the store,
        and the next owner takes it in. Raises ``CommandError``: YF740 to YF745 it does not count, YF724 no answer yet."""
        name, request = run.id, Request(fact.id, run.id, fact)
        here = self._loop.run(name)
        if here is not None:
            refused = self._loop.tell(name, fact, ANSWER_SECONDS)
            if refused is not None:
                raise error_of(refused)
            with here.lock:
                taken = any(vote.id == fact.id for vote in here.state.votes.get(fact.attempt, ()))
                if taken and not (here.lost or here.held):
                    return True
                # Its execution may have ended between the look and the arrival: by the decision that came first.
                refused = None if taken else refusal(here.state, fact)
            if refused is not None:
                raise error_of(refused)
            raise CommandError("YF724", f"the decision on `{fact.attempt.node}` is not in the store yet", f"yamlflow show {name}")
        while True:
            standing = self._repository.standing(name)
            if standing is None or standing.has_ended:
                raise ended(name, standing.status if standing else None)
            if self._loop.tenure.is_driven(standing):
                self._repository.ask(request)
                return self._rung(request, standing)
            why = self._repository.ask_nobody(request, standing.epoch, lambda waiting: self._refused_beside(name, waiting, fact))
            if why is None:
                crash_point("request-written")
                now = self._repository.standing(name)
                return now is not None and self._loop.tenure.is_driven(now) and self._rung(request, now)
            if why != MOVED_ON:
                raise error_of(Refusal.from_text(why) or Refusal("YF702", why))

    def _rung(self, request: Request, standing: Standing) -> bool:
        """Ring the owner and wait for what it says; False where it is gone, and the request waits for the next."""
        crash_point("request-written")
        if self._loop.bell is not None:
            self._loop.bell.ring(standing.ring)
        return self._await_answer(request, standing, keep=True)

    def _refused_beside(self, execution_id: str, waiting: Sequence[Request], fact: ApprovalDecided) -> str | None:
        record = self._repository.execution(execution_id)
        assert record is not None
        decisions = [one.fact for one in waiting if isinstance(one.fact, ApprovalDecided)]
        return refused_beside(self.follow(record).run.state, decisions, fact)

    def notices(self, execution_id: str) -> list[Notice]:
        """What was told of an execution to people, and what became of it."""
        return self._repository.notices(execution_id)

    def decisions_waiting(self, execution_id: str) -> list[ApprovalDecided]:
        """Decisions that were given while nobody drove the execution."""
        if self._loop.run(execution_id) is not None:
            return []
        return [one.fact for one in self._repository.waiting_requests(execution_id) if isinstance(one.fact, ApprovalDecided)]

    def keep_for_later(self, execution_id: str, fact: Fact) -> None:
        """Let a fact lie in the store until somebody goes on with an execution that nobody drives now."""
        self._repository.ask(Request(_request_id(execution_id, fact), execution_id, fact))
        crash_point("request-written")
        standing = self._repository.standing(execution_id)
        if standing is not None and self._loop.bell is not None and self._loop.tenure.is_driven(standing):
            self._loop.bell.ring(standing.ring)  # somebody has begun to drive it between the look and the writing

    def _await_answer(self, request: Request, asked: Standing, keep: bool = False) -> bool:
        """True when it was carried out. ``keep``: where nobody is there any more the request stays, for the next owner: False."""
        until, pause = time.monotonic() + ANSWER_SECONDS, 0.002
        while True:
            if self._is_carried_out(request):
                return True
            if time.monotonic() > until:
                owner = told(asked.owner)
                raise CommandError("YF724", f"{owner} was asked, and has not answered yet", "it does when it comes to it")
            if not keep:
                self._raise_if_alone(request)
            elif not self._is_driven(request.execution_id):
                return self._left_there(request)
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)

    def _is_carried_out(self, request: Request) -> bool:
        """What was answered; False while nobody has. Raises ``CommandError`` where it was refused."""
        answer = self._repository.answer(request.id)
        if answer is None or answer == APPLIED:
            return answer is not None
        refused = Refusal.from_text(answer)
        raise error_of(refused) if refused is not None else CommandError("YF702", f"`{request.execution_id}`: {answer}")

    def _left_there(self, request: Request) -> bool:
        """Nobody is there to answer any more: True when it was carried out before, False when it stays for the next owner. Raises
        ``CommandError`` (YF702) where there will be none, since the execution has ended."""
        if self._is_carried_out(request):
            return True
        standing = self._repository.standing(request.execution_id)
        if standing is not None and standing.has_ended:
            self._raise_if_alone(request)
        return False

    def _is_driven(self, execution_id: str) -> bool:
        standing = self._repository.standing(execution_id)
        return standing is not None and self._loop.tenure.is_driven(standing)

    def _raise_if_alone(self, request: Request) -> None:
        """The owner may have ended, or died, since it was asked. A request to nobody is withdrawn."""
        standing = self._repository.standing(request.execution_id)
        if standing is None or self._loop.tenure.is_driven(standing):
            return
        why = f"it has ended: {standing.status}" if standing.has_ended else "withdrawn: nobody drives it"
        self._repository.refuse(request.id, why)
        if self._repository.answer(request.id) == APPLIED:
            return
        if standing.has_ended:
            raise ended(request.execution_id, standing.status)
        raise interrupted(request.execution_id)

    def message_of(self, asked: Asked) -> str:
        """The text of an approval. Raises ``CommandError`` (YF747) for one that cannot be made: nobody approves what
        they cannot see."""
        if not isinstance(asked.message, Mapping):
            return asked.message or ""
        try:
            return self._render(asked.message)
        except ValueError as error:
            raise CommandError("YF747", f"the message of `{asked.node}` cannot be shown: {error}") from None

    def readable(self, asked: Asked) -> dict[str, Any]:
        """What is asked as plain data, its text made."""
        try:
            text = self.message_of(asked)
        except CommandError as error:
            text = str(error.diagnostics[0].message)
        return as_data(asked, self.decisions_waiting(asked.execution_id)) | {"message": text}

    # --- going on --------------------------------------------------------------------------------------------------

    def follow(self, record: ExecutionRecord) -> Follower:
        """An execution as its facts give it. One whose facts cannot be read is set aside: raises ``UnreadableRecord``."""
        try:
            plan = self._plan(record)
            return Follower(self._repository, record, plan, self._loop.scripted(plan))
        except UnreadableRecord as error:
            self._set_aside(record.id, error)
            raise

    def leave(self, record: ExecutionRecord, plan: ExecutionPlan, started: Started) -> None:
        """Write an execution that this process does not drive: it waits for a worker. Raises what the store raises."""
        state = new_execution(plan, record.id)
        state.scripted, state.rationed = self._loop.scripted(plan), True
        draft = Draft(Run(record, state), created=record)
        draft.add(started, decide(state, started)[1], counted=True)
        commit = draft.commit(started.at)
        assert commit is not None
        self._repository.commit([commit])

    def take_over(
        self,
        execution_id: str,
        by: str | None,
        force: bool,
        namespace: Mapping[str, Any] | None,
        from_elsewhere: bool = False,
        then: Sequence[Fact] = (),
    ) -> Run:
        """Drive an execution that nobody drives: lease, facts, replay, and on. ``then`` are facts of the turn in which it goes
        on; a ``RetryRequested`` opens the next round of one that has ended. Raises ``CommandError`` YF723 where another process
        drives it, YF725 where another machine did, ``UnreadableRecord`` where it was set aside, or has to be."""
        again = next((fact for fact in then if isinstance(fact, RetryRequested)), None)
        record, standing = self._repository.execution(execution_id), self._repository.standing(execution_id)
        if record is None or standing is None:
            raise CommandError("YF701", f"there is no execution `{execution_id}`")
        if standing.loads >= MOST_LOADS and not force and not self._loop.tenure.is_driven(standing):
            error = set_aside(execution_id, f"{standing.loads} processes in a row ended while they loaded it")
            self._set_aside(execution_id, error)
            raise error
        if standing.reason == QUARANTINED and not force:
            raise set_aside(execution_id, self._repository.why_set_aside(execution_id))
        tenure = self._loop.tenure
        if standing.has_ended != (again is not None):
            raise ended(execution_id, standing.status) if again is None else still_going(execution_id, standing.status)
        if not from_elsewhere:
            self._refuse_other_machine(execution_id, standing, "resume" if again is None else "retry")
        epoch = None if tenure.is_driven(standing) else tenure.take(execution_id, standing)
        if epoch is None:
            now = self._repository.standing(execution_id)
            raise CommandError("YF723", f"`{execution_id}` is driven by {told(now.owner if now else None)}", "it is followed here")
        try:
            replay = self._replayed(record, force)
            fact = again or TakenOver(self.now(), told(tenure.owner), by)
            return self._loop.take_over(record, replay, epoch, fact, namespace, [one for one in then if one is not again])
        except UnreadableRecord as error:
            self._set_aside(execution_id, error)
            raise
        except BaseException:
            self._repository.release(tenure.owner, [execution_id])
            raise

    def _refuse_other_machine(self, execution_id: str, standing: Standing, verb: str) -> None:
        """Whether a process on another machine is gone, or has gone on since, nobody here can see: two machines must never run
        one execution."""
        owner, here = standing.owner, self._loop.tenure.owner
        if owner is None or host_of(owner) == host_of(here) or self._loop.tenure.is_driven(standing):
            return
        wrote = max((event.at for event in self._repository.events(execution_id)), default=self.now())
        raise CommandError(
            "YF725",
            f"`{execution_id}` was driven by {told(owner)}, whose last event is {max(0.0, self.now() - wrote):.0f} s old",
            f"when that process is surely gone: yamlflow {verb} --take-over {execution_id}",
        )

    def _replayed(self, record: ExecutionRecord, force: bool) -> Replay:
        """Read back under the lease: from here on nobody else adds facts."""
        record = self._repository.execution(record.id) or record
        plan = self._plan(record)
        replay = read_back(self._repository, record.id, plan, self._loop.scripted(plan))
        found = compare(self._repository, record, replay)
        if found and not force:
            told_ = "; ".join(found)
            raise UnreadableRecord(f"`{record.id}` is not what its facts make it: {told_}", "resume with force trusts the facts")
        return replay

    def _plan(self, record: ExecutionRecord) -> ExecutionPlan:
        """The plan of the definition with which it was started, whatever has become of the file since."""
        source = PipelineSource(record.definition, record.source_name, Path(record.folder))
        try:
            plan = self._pipelines.stored_plan(source, record.pins)
        except DefinitionError as error:
            raise UnreadableRecord(f"`{record.id}`: its stored definition cannot be read: {error}") from error
        if record.definition_hash not in ("", plan.definition.content_hash):
            raise UnreadableRecord(f"`{record.id}`: the stored definition is not the one it was started with")
        return plan

    def why_set_aside(self, execution_id: str) -> str | None:
        """Why it was set aside; None where it was not, or nobody wrote it down."""
        return self._repository.why_set_aside(execution_id)

    def _set_aside(self, execution_id: str, error: UnreadableRecord) -> None:
        """Mark it, unless somebody drives it or the store can only be read."""
        standing = self._repository.standing(execution_id)
        mine = standing is not None and standing.owner == self._loop.tenure.owner
        if standing is None or standing.has_ended or (self._loop.tenure.is_driven(standing) and not mine):
            return
        try:
            self._repository.set_aside(execution_id, standing.epoch, QUARANTINED, error.diagnostics[0].message)
        except StoreError:
            return


def _request_id(execution_id: str, fact: Fact) -> str:
    """An event that is sent again under its key is the same request."""
    if isinstance(fact, CustomEventSent) and fact.key is not None:
        return hashlib.sha256(f"{execution_id}\n{fact.key}".encode()).hexdigest()[:32]
    return uuid.uuid4().hex


def interrupted(execution_id: str) -> CommandError:
    """Nobody drives it, so there is nobody to tell."""
    hint = f"yamlflow resume {execution_id} goes on with it"
    return CommandError("YF722", f"`{execution_id}` is interrupted: its process is gone", hint)


def ended(execution_id: str, status: str | None) -> CommandError:
    """It is over, so there is nothing to tell it."""
    again = f"yamlflow retry {execution_id} opens another round" if status in ("failed", "cancelled") else None
    return CommandError("YF702", f"`{execution_id}` has ended" + (f": {status}" if status else ""), again)


def still_going(execution_id: str, status: str) -> CommandError:
    """Another round begins when this one has ended."""
    return CommandError("YF732", f"`{execution_id}` has not ended: {status}", "let it end, cancel it, or resume it first")


def set_aside(execution_id: str, why: str | None = None) -> UnreadableRecord:
    """It is quarantined: nothing can be told to it until somebody goes on with it all the same."""
    told = f": {why}" if why else ""
    return UnreadableRecord(f"`{execution_id}` is set aside{told}", f"yamlflow resume --force {execution_id} tries again")


def source_changed(record: ExecutionRecord) -> bool:
    """Whether the file of a definition holds another text than the one that runs."""
    path = Path(record.source_name)
    try:
        if not path.is_file() or path.stat().st_mtime < record.created_at:
            return False
        return path.read_bytes().decode("utf-8-sig", "replace") != record.definition
    except OSError:
        return False


def user() -> str:
    """Who asks, as the machine knows them: the user of JupyterHub, else the owner of this process. What LOGNAME and USER say
    does not count: anybody may set these."""
    hub = os.environ.get("JUPYTERHUB_USER")
    if hub:
        return hub
    try:
        return pwd.getpwuid(os.geteuid()).pw_name if pwd is not None else getpass.getuser()
    except (KeyError, OSError):  # a container without a name for its user
        return "unknown"
