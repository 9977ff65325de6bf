"""``Execution``: the handle that a person holds."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal

from yamlflow_nb.domain.decision import StoredEvent
from yamlflow_nb.domain.diagnostic import Diagnostic, ExecutionFailed
from yamlflow_nb.domain.event import (
    CancelRequested,
    CustomEventSent,
    Fact,
    InterruptionAnswered,
    PauseRequested,
    ResumeRequested,
    RetryRequested,
    SkipRequested,
    VariableSet,
)
from yamlflow_nb.domain.notice import Notice
from yamlflow_nb.domain.ports.leases import TERMINAL_STATUS
from yamlflow_nb.domain.ports.repository import ExecutionRecord
from yamlflow_nb.loop.resume import Follower
from yamlflow_nb.loop.run import Run
from yamlflow_nb.orchestration.place import REASON as QUEUED
from yamlflow_nb.orchestration.place import WORKER
from yamlflow_nb.orchestration.simulation import outstanding
from yamlflow_nb.orchestration.why import why
from yamlflow_nb.services.approvable import Approvable
from yamlflow_nb.services.branching import Wanted, accept_changes, fork, rerun
from yamlflow_nb.services.command_error import CommandError
from yamlflow_nb.services.deciding import open_approvals
from yamlflow_nb.services.desk import QUARANTINED, Desk, ended, interrupted, set_aside, source_changed, user
from yamlflow_nb.services.difference import Difference, difference
from yamlflow_nb.services.edges import edges
from yamlflow_nb.services.fitting_command import check_retry, check_skip, checked_value
from yamlflow_nb.services.node_view import Nodes, NodeView
from yamlflow_nb.services.pipeline_source import Source
from yamlflow_nb.services.run_text import as_text, one_line
from yamlflow_nb.services.snapshot import brief, finished_at, short, snapshot, started_at, with_children

_EVENT_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_STILL = 0.02
"""Seconds that whoever looks waits for a turn to be written; one that takes longer waits for its store."""
_AWAKE = 1.0
"""Seconds after which whoever waits looks up, so that an interrupt is noticed for certain."""
_LOOK_AGAIN = 0.25
"""Seconds between two looks at an execution that another process runs."""
_ALONE = 2.0
"""Seconds without an owner after which whoever waits is told."""


class Execution(Approvable):
    """One execution, live: what it says is what the store holds now.

    ``execution.wait()`` and ``await execution`` return it when it has ended. One that another process drives is read from the
    store each time it is asked, and commands are handed to its owner; ``resume`` takes over one that nobody drives any more.
    """

    def __init__(self, run: Run, desk: Desk, follower: Follower | None = None) -> None:
        self._run = run
        self._desk = desk
        self._follower = follower
        self._stored: Follower | None = None
        self._alone_since: float | None = None
        self._edges: list[tuple[str, str]] | None = None

    def _current(self) -> Run:
        here = self._desk.driven_here(self._run.id)
        if here is not None and here is not self._run:
            self._run, self._follower = here, None
        elif self._follower is not None and not self._run.is_over:
            self._follower.look()
        return self._run

    @contextmanager
    def _held_still(self) -> Iterator[Run]:
        """The run, which does not move meanwhile. While this process is long in writing a turn of it, the store is looked at
        instead, as if another process drove it: what is decided and not written is shown to nobody, and nobody waits for a disk."""
        run = self._current()
        if run.lock.acquire(timeout=_STILL):
            try:
                yield run
            finally:
                run.lock.release()
            return
        if self._stored is None:
            self._stored = self._desk.follow(run.record)
        self._stored.look()
        stored = self._stored.run
        stored.progress, stored.lost = run.progress, run.lost
        with stored.lock:
            yield stored

    # --- what it is ------------------------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        return self._run.id

    @property
    def pipeline(self) -> str:
        return self._run.record.pipeline

    @property
    def status(self) -> str:
        """``running waiting paused completed failed cancelled``, or ``interrupted`` when nobody drives it: its process is
        gone, or had to give it up."""
        return self._standing()[0]

    @property
    def reason(self) -> str | None:
        return self._standing()[1]

    def _standing(self) -> tuple[str, str | None]:
        run = self._current()
        if run.lock.acquire(timeout=_STILL):
            has_ended, status, reason = run.state.ended is not None, run.state.status, run.state.reason
            run.lock.release()
        else:
            has_ended, status, reason = self._desk.stored(run.id)
        if run.held is not None:
            return "paused", run.held
        if run.lost is not None:
            return "interrupted", None  # what it holds in memory may not be in the store
        if has_ended:
            return status, reason
        return self._desk.seen(run.id, status, reason) if self._follower is not None else (status, reason)

    @property
    def has_ended(self) -> bool:
        """Whether it is over, as far as the store says."""
        return self.status in TERMINAL_STATUS

    @property
    def is_given_up(self) -> bool:
        """Whether this handle shows what this process had to give up: ``get`` brings a fresh one."""
        return self._run.lost is not None and self._desk.driven_here(self.id) is None

    def is_behind(self, record: ExecutionRecord) -> bool:
        """Whether another process has opened a further round of what this handle saw end."""
        return self._run.is_over and record.round > self._run.state.round

    @property
    def children(self) -> list[ExecutionRecord]:
        """The executions that its nodes have started, oldest first: ``parent_node`` says which node, ``status`` how each stands."""
        return self._desk.children(self.id) if any(node.type == "subpipeline" for node in self._run.plan.nodes) else []

    @property
    def parent_id(self) -> str | None:
        """The execution of which this one is a node."""
        return self._run.record.parent_id

    @property
    def source_changed(self) -> bool:
        """Whether its file was edited since it started. It goes on as it was started."""
        return source_changed(self._run.record)

    @property
    def definition_text(self) -> str:
        """The YAML that it runs."""
        return self._run.record.definition

    @property
    def inputs(self) -> dict[str, Any]:
        """What it was started with, defaults included."""
        return dict(self._run.record.inputs)

    @property
    def origin(self) -> str | None:
        """The execution that this one is a fork of, or runs again."""
        return self._current().state.origin

    @property
    def started_at(self) -> float | None:
        return started_at(self._current().state)

    @property
    def finished_at(self) -> float | None:
        return finished_at(self._current().state)

    @property
    def nodes(self) -> Nodes:
        with self._held_still() as run:
            return Nodes({node.planned.id: NodeView.of(node) for node in run.state.order})

    @property
    def outputs(self) -> dict[str, Any]:
        """The pipeline's outputs; empty until it has ended."""
        with self._held_still() as run:
            return dict(run.state.outputs)

    @property
    def variables(self) -> dict[str, Any]:
        """Every value under its full name: ``extract.row_count``, ``pipeline.input.month``."""
        with self._held_still() as run:
            scopes = run.state.variables.scopes
            return {f"{scope}.{name}": value for scope, values in scopes.items() for name, value in values.items()}

    @property
    def events(self) -> list[StoredEvent]:
        """The history, in commit order."""
        with self._held_still() as run:
            return list(run.state.log.rows)

    @property
    def error(self) -> Diagnostic | None:
        """Why it failed: the first failed node's error, or the pipeline's own."""
        with self._held_still() as run:
            return run.state.error

    @property
    def waiting_for(self) -> list[str]:
        """The approvals (by node) and events (``custom.go``) that are outstanding."""
        with self._held_still() as run:
            return outstanding(run.state)

    def why(self, node: str) -> str:
        """Why a node started, did not start or still waits. Raises ``CommandError`` (YF704) for an unknown one."""
        with self._held_still() as run:
            if node not in run.state.nodes:
                raise CommandError("YF704", f"`{run.id}` has no node `{node}`", f"nodes: {', '.join(run.state.nodes)}")
            return "\n".join(one_line(line) for line in why(run.state, node).split("\n"))

    def snapshot(self) -> dict[str, Any]:
        """The whole as plain data, for views."""
        status, reason = self._standing()
        with self._held_still() as run:
            told = {"status": status, "reason": reason, "source_changed": self.source_changed, "edges": self.edges}
            told["set_aside"] = self._desk.why_set_aside(self.id) if reason == QUARANTINED else None
            shown = with_children(snapshot(run) | told, self.children)
            asked = open_approvals(run.state)
        notices = [_told(notice) for notice in self.notices] if self._run.plan.definition.notifications else []
        return shown | {"approvals": [self._desk.readable(one) for one in asked], "notifications": notices}

    @property
    def notices(self) -> list[Notice]:
        """What was told of it to people (``notifications``), and what became of the sending."""
        return self._desk.notices(self.id)

    @property
    def edges(self) -> list[tuple[str, str]]:
        """What waits for or reads what, ``(from, to)``: the lines of the picture."""
        if self._edges is None:
            self._edges = edges(self._run.plan)
        return self._edges

    def brief(self) -> dict[str, Any]:
        """What a live view draws many times: states, times and progress, without reasons and values."""
        status, reason = self._standing()
        with self._held_still() as run:
            return brief(run, self._desk.now()) | {"status": status, "reason": reason}

    # --- waiting ---------------------------------------------------------------------------------------------------

    @property
    def version(self) -> int:
        """Counts the changes; for ``wait_for_change``."""
        return self._run.version

    def wait_for_change(self, seen: int, timeout: float | None = None) -> int:
        """Until something has changed since ``version`` was ``seen``, or the time is over."""
        if self._follower is None or self._run.is_over:
            return self._run.wait_for_change(seen, timeout)
        time.sleep(min(_LOOK_AGAIN, timeout if timeout is not None else _LOOK_AGAIN))
        self._current()
        return seen + 1

    def wait(self, timeout: float | None = None, *, or_waiting: bool = False) -> Execution:
        """Until it has ended, or the time is over; returns itself. ``or_waiting``: also when only people or events can
        move it. Raises ``CommandError`` (YF706) when this process had to give it up, or nobody drives it any more."""
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            seen = self.version
            if self._current().is_over or (or_waiting and self._needs_somebody):
                break
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                return self
            # A signal that arrives in the very moment in which a lock is entered wakes nobody: Ctrl-C would be slept through.
            left = _AWAKE if left is None else min(left, _AWAKE)
            if self._follower is None and not or_waiting:
                self._run.wait(left)
            else:
                self.wait_for_change(seen, left)
                self._raise_if_abandoned()
        lost = self._run.lost
        if lost is not None:
            raise CommandError("YF706", f"`{self.id}` was given up: {lost}", "resume goes on with it") from lost
        self._wait_for_children(self._run, until)
        return self

    def _wait_for_children(self, run: Run, until: float | None) -> None:
        """A child may outlive its parent, with its clean-up or by `onParentCancel: wait`: this process must not leave it. One that
        only waits for people can be gone on with by anyone."""
        for child, is_called_off in tuple(run.children.items()) if run.is_over else ():
            while not child.is_over and (child.status == "running" or is_called_off()):
                left = _AWAKE if until is None else until - time.monotonic()
                if left <= 0:
                    return
                child.wait_for_change(child.version, min(_AWAKE, left))
            self._wait_for_children(child, until)

    @property
    def _needs_somebody(self) -> bool:
        """Whether it stands still until a person or an event moves it. One that is only queued moves by itself."""
        status, reason = self._standing()
        return status in ("waiting", "paused") and reason not in (QUEUED, WORKER)

    def changes(self, every: float = 1.0, *, stay: bool = False) -> Iterator[dict[str, Any]]:
        """How it stands (``brief``) at each change, and at least every so many seconds, until it has ended, or, unless ``stay``,
        only people or events can move it. A pause is no end: whoever paused it will let it go on. Raises as ``wait`` does."""
        while True:
            seen = self.version
            now = self.brief()
            yield now
            moves = now["status"] != "waiting" or now["reason"] in (QUEUED, WORKER)
            if self._run.is_over or now["reason"] == QUARANTINED or not (moves or stay):
                break
            self.wait_for_change(seen, every)
            self._raise_if_abandoned()
        self.wait(0)

    def _raise_if_abandoned(self) -> None:
        """Nobody waits for ever for an execution whose process is gone. A moment without an owner is no reason yet."""
        if self._follower is None or self.status != "interrupted":
            self._alone_since = None
        elif self._alone_since is None:
            self._alone_since = time.monotonic()
        elif time.monotonic() - self._alone_since > _ALONE:
            raise CommandError("YF706", f"`{self.id}` is interrupted: its process is gone", "resume goes on with it")

    def __await__(self) -> Generator[Any, None, Execution]:
        return self._over().__await__()

    async def _over(self) -> Execution:
        while self._follower is not None and not self._current().is_over:
            self._raise_if_abandoned()
            await asyncio.sleep(_LOOK_AGAIN)
        loop = asyncio.get_running_loop()
        over = asyncio.Event()

        def tell() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(over.set)

        self._run.when_over(tell)
        await over.wait()
        return self.wait(0)

    def raise_if_failed(self) -> Execution:
        """Itself when it completed; raises ``ExecutionFailed`` with the failing nodes' errors when it did not."""
        if self.status not in ("failed", "cancelled", "interrupted"):
            return self
        nodes = self.nodes.values()
        found = [_named(node.id, node.error) for node in nodes if node.state == "failed" and node.error is not None]
        if not found and self.error is not None:
            found = [self.error]
        if not found:
            reason = f" ({self.reason})" if self.reason else ""
            code = "YF706" if self.status == "interrupted" else "YF410"
            found = [Diagnostic(code, "error", f"`{self.id}` is {self.status}{reason}")]
        raise ExecutionFailed(found)

    # --- commands --------------------------------------------------------------------------------------------------

    def cancel(self, now: bool = False, by: str | None = None, *, here: bool = False) -> Execution:
        """Stop it: running work is stopped, finally and ``always`` nodes still run, unless ``now``. ``here``: where nobody
        drives it any more, this process ends it."""
        return self._tell(CancelRequested(self._desk.now(), by or user(), now), here)

    def pause(self, by: str | None = None) -> Execution:
        """Nothing new starts until ``resume``."""
        return self._tell(PauseRequested(self._desk.now(), by or user()))

    def resume(
        self,
        by: str | None = None,
        *,
        force: bool = False,
        take_over: bool = False,
        namespace: Mapping[str, Any] | None = None,
    ) -> Execution:
        """Go on after ``pause``; or take over, into this process, an execution that nobody drives any more: what had completed
        stays, attempts that were at work are answered by ``onInterrupt``.

        ``namespace`` is where ``function: name`` of python tasks looks. ``force`` goes on also with one that was set aside,
        ``take_over`` also with one that another machine drove.
        """
        if self.status != "interrupted" and self.reason != QUARANTINED:
            return self._tell(ResumeRequested(self._desk.now(), by or user()))
        self._run = self._desk.take_over(self.id, by or user(), force, namespace, take_over)
        self._follower = None
        return self

    def answer(self, node: str, answer: Literal["retry", "fail"], item: int | None = None, by: str | None = None) -> Execution:
        """Say what becomes of a node's interrupted attempt (``onInterrupt: ask``); of all its items unless one is named."""
        if node not in self.nodes:
            raise CommandError("YF704", f"`{self.id}` has no node `{node}`", f"nodes: {', '.join(self.nodes)}")
        return self._tell(InterruptionAnswered(self._desk.now(), node, answer, item, by or user()))

    def send_event(
        self,
        name: str,
        payload: Mapping[str, Any] | None = None,
        by: str | None = None,
        *,
        key: str | None = None,
        here: bool = False,
    ) -> Execution:
        """``custom.<name>`` happened; ``custom.`` may be left out. Of an execution that nobody drives it lies in the store until
        somebody goes on with it; ``here``: one that only waited goes on in this process. Sent again under the same ``key``, it
        counts once. Raises ``CommandError`` YF702, YF709."""
        bare = name.removeprefix("custom.")
        if not _EVENT_NAME.fullmatch(bare):
            raise CommandError("YF709", f"{name!r} cannot be an event", "small letters, digits and _: custom.data_arrived")
        fact = CustomEventSent(self._desk.now(), bare, dict(payload or {}), by, key)
        return self._tell(fact, here and self._only_waited)

    def retry(
        self,
        *nodes: str,
        with_nodes: Sequence[str] = (),
        failed_items: bool = False,
        by: str | None = None,
        take_over: bool = False,
        namespace: Mapping[str, Any] | None = None,
    ) -> Execution:
        """Open the next round of one that has ended, in this process: failed and cancelled nodes run again (or these), and what
        hung on them; the others keep their results. ``with_nodes`` are completed ones that run again too; ``failed_items``: of
        ``forEach`` nodes the items that failed, also where the node completed; ``take_over``: also of one that another machine
        drove. Raises ``CommandError`` YF704, YF732, YF727, YF725."""
        fact = RetryRequested(self._desk.now(), nodes, tuple(with_nodes), failed_items, by or user())
        with self._held_still() as run:
            check_retry(run.state, fact)
        self._run = self._desk.take_over(self.id, by or user(), False, namespace, take_over, then=[fact])
        self._follower = None
        return self

    def accept_changes(
        self, by: str | None = None, namespace: Mapping[str, Any] | None = None
    ) -> tuple[Execution, dict[str, list[str]]]:
        """Retry by the pipeline's file, and the files of its tasks, as they are now: a new execution, and which nodes are ``kept``,
        run ``again``, are ``added`` and ``orphaned``. Raises ``CommandError`` (YF733), ``DefinitionError``, ``InputError``."""
        made, told = accept_changes(self._desk, self._current(), by or user(), namespace)
        return Execution(made, self._desk), told

    def fork(
        self,
        at: str | Sequence[str] = (),
        set: Mapping[str, Any] | None = None,
        *,
        definition: Source | None = None,
        latest: bool = False,
        by: str | None = None,
        namespace: Mapping[str, Any] | None = None,
        fresh: bool = False,
    ) -> Execution:
        """A new execution that takes over, by reference, what the change does not affect; what depends on the change runs.

        ``set`` gives inputs (``pipeline.input.month``) and outputs of nodes (``extract.row_count``) other values, ``at`` names
        nodes that run again in any case, ``definition`` is another pipeline (``latest``: the file as it is now). Raises
        ``CommandError`` YF704, YF728, YF733, ``InputError``, ``DefinitionError``.
        """
        wanted = Wanted((at,) if isinstance(at, str) else tuple(at), set, definition, latest, fresh)
        return Execution(fork(self._desk, self._current(), wanted, by or user(), namespace), self._desk)

    def rerun(
        self, *, latest: bool = False, by: str | None = None, namespace: Mapping[str, Any] | None = None, fresh: bool = False
    ) -> Execution:
        """A new execution of the same definition (``latest``: of its file as it is now) with the same inputs. Raises
        ``CommandError`` (YF733), ``InputError``, ``DefinitionError``."""
        wanted = Wanted(latest=latest, fresh=fresh)
        return Execution(rerun(self._desk, self._current(), wanted, by or user(), namespace), self._desk)

    def diff(self, other: Execution) -> Difference:
        """What is different in another execution: states, values, code, parameters, packages."""
        return difference(self._current(), other._current(), self._desk.runs_folder)

    def skip(self, node: str, by: str | None = None, *, here: bool = False) -> Execution:
        """A pending node is left out; what waits for it sees it ``skipped``. ``here`` as for ``send_event``. Raises
        ``CommandError`` YF704, YF727."""
        with self._held_still() as run:
            check_skip(run.state, node)
        return self._tell(SkipRequested(self._desk.now(), node, by or user()), here and self._only_waited)

    def set_variable(self, reference: str, value: Any, by: str | None = None) -> Execution:
        """Give a paused execution another value of an input (``pipeline.input.month``) or of an output (``extract.rows``). Raises
        ``CommandError`` YF728, ``InputError``."""
        with self._held_still() as run:
            value = checked_value(run.state, reference, value)
        if self.status != "paused":
            raise CommandError("YF728", f"`{self.id}` is {self.status}: only a paused one is changed", f"yamlflow pause {self.id}")
        return self._tell(VariableSet(self._desk.now(), reference, value, by or user()))

    def _tell(self, fact: Fact, here: bool = False) -> Execution:
        """Hand in a command; ``here``: where nobody drives it, it goes on in this process with it."""
        status, reason = self._standing()
        if reason == QUARANTINED:
            raise set_aside(self.id, self._desk.why_set_aside(self.id))
        if status in ("completed", "failed", "cancelled"):
            raise ended(self.id, status)
        unclaimed = status == "waiting" and reason == WORKER and self._follower is not None
        if here and (status == "interrupted" or (unclaimed and isinstance(fact, CancelRequested))):
            self._run, self._follower = self._desk.take_over(self.id, getattr(fact, "by", None), False, None, then=[fact]), None
            return self
        if (status == "interrupted" or unclaimed) and isinstance(fact, CustomEventSent):
            self._desk.keep_for_later(self.id, fact)
            return self
        if unclaimed:
            raise CommandError("YF722", f"`{self.id}` waits for a worker", "yamlflow worker drives it; yamlflow cancel ends it")
        if status == "interrupted":
            raise interrupted(self.id)
        self._desk.tell(self.id, fact)
        return self

    @property
    def _only_waited(self) -> bool:
        """Nothing was at work when its process ended, so going on with it repeats nothing."""
        return self._current().state.status == "waiting"

    @property
    def is_limited(self) -> bool:
        """Whether only so many executions of its pipeline run at once (``concurrency``)."""
        return self._run.plan.definition.concurrency is not None

    @property
    def is_driven_here(self) -> bool:
        """Whether this process drives it, or has driven it to its end."""
        return self._follower is None

    # --- how it looks ----------------------------------------------------------------------------------------------

    def __str__(self) -> str:
        """The run as a tree: what ``print`` shows."""
        return as_text(self.snapshot())

    def __repr__(self) -> str:
        states = ", ".join(f"{name}: {view.state}" for name, view in self.nodes.items())
        outputs = ", ".join(f"{name}={short(value)}" for name, value in self.outputs.items())
        reason = f" ({self.reason})" if self.reason else ""
        return f"Execution({self.id}, {self.status}{reason}; {states}{'; ' + outputs if outputs else ''})"


def _told(notice: Notice) -> dict[str, Any]:
    names = ("notifier", "kind", "node", "at", "state", "tries", "error", "sent_at")
    return {name: getattr(notice, name) for name in names}


def _named(node: str, error: Diagnostic) -> Diagnostic:
    return error if f"`{node}`" in error.message else replace(error, message=f"`{node}` failed: {error.message}")
