"""Executions: started, looked at, told things."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from yamlflow_nb.domain.decision import StoredEvent
from yamlflow_nb.domain.event import PlaceGranted, Started
from yamlflow_nb.domain.execution_plan import ExecutionPlan
from yamlflow_nb.domain.pipeline_definition import PipelineDefinition
from yamlflow_nb.domain.ports.artifact_store import ArtifactStore
from yamlflow_nb.domain.ports.leases import TERMINAL_STATUS
from yamlflow_nb.domain.ports.repository import ExecutionRecord, NodeRecord, Repository
from yamlflow_nb.domain.store_error import KeyTaken
from yamlflow_nb.infrastructure.configuration import ConfigurationError
from yamlflow_nb.loop.kernel_loop import KernelLoop
from yamlflow_nb.orchestration.inputs import accepted_inputs
from yamlflow_nb.orchestration.simulation import Script, Simulation
from yamlflow_nb.services.attempt_log import LogRecord, attempt_log
from yamlflow_nb.services.child_executions import ChildExecutions
from yamlflow_nb.services.choosing import FITTING, choose, matching
from yamlflow_nb.services.command_error import CommandError
from yamlflow_nb.services.desk import Desk, user
from yamlflow_nb.services.execution import Execution
from yamlflow_nb.services.new_execution import first_fact, new_id, new_record
from yamlflow_nb.services.pipeline_service import PipelineService
from yamlflow_nb.services.pipeline_source import Source, this_project

_NEWEST = 1000


class ExecutionService:
    """The executions of one store. Those that it starts are driven by its loop; others are read from the store."""

    def __init__(
        self,
        loop: KernelLoop,
        repository: Repository,
        artifacts: ArtifactStore,
        pipelines: PipelineService,
        render: Callable[[Any], str] = str,
    ) -> None:
        self._loop = loop
        self._repository = repository
        self._artifacts = artifacts
        self._pipelines = pipelines
        self._desk = Desk(loop, repository, pipelines, render)
        self.children = ChildExecutions(loop, repository, self._desk, pipelines)
        self._handles: weakref.WeakValueDictionary[str, Execution] = weakref.WeakValueDictionary()

    # --- start -----------------------------------------------------------------------------------------------------

    def start(
        self,
        source: Source,
        inputs: Mapping[str, Any] | None = None,
        *,
        wait: bool = False,
        name: str | None = None,
        folder: str | Path | None = None,
        namespace: Mapping[str, Any] | None = None,
        initiator: str | None = None,
        idempotency_key: str | None = None,
        where: Literal["here", "worker"] = "here",
    ) -> Execution:
        """A new execution; it is in the store when this returns.

        ``name`` is what messages call the text (``<cell>``), ``folder`` what its paths count from, ``namespace`` where
        ``function: name`` of python tasks looks (a kernel's variables). An ``idempotency_key`` given before brings the
        execution that was started under it. ``where="worker"``: not this process drives it, but the next ``yamlflow worker`` on
        this store, so that it outlives this one. Raises ``DefinitionError``, ``InputError``, ``CommandError`` (YF721).
        """
        text = self._pipelines.source(source, name, folder)
        definition = source if isinstance(source, PipelineDefinition) else self._pipelines.load_source(text)
        values = accepted_inputs(definition, inputs or {})
        if idempotency_key is not None and self._repository.started_under(idempotency_key) is not None:
            return self._same(idempotency_key, definition, values, wait)
        plan = self._pipelines.plan(definition)
        self._check_pools(plan, text.folder)
        now = self._loop.now()
        record = new_record(new_id(now), definition, text, values, now, initiator or user())
        record.idempotency_key = idempotency_key
        record.pins = self._pipelines.pins(definition)
        started = first_fact(record, definition)
        try:
            if where == "worker":
                return self._left_to_worker(record, plan, started, wait)
            run = self._loop.start(record, plan, started, namespace=namespace)
        except KeyTaken:  # by another process, between the look and the start
            return self._same(str(idempotency_key), definition, values, wait)
        execution = Execution(run, self._desk)
        self._handles[record.id] = execution
        return execution.wait() if wait else execution

    def _left_to_worker(self, record: ExecutionRecord, plan: ExecutionPlan, started: Started, wait: bool) -> Execution:
        record.for_worker = True
        self._desk.leave(record, plan, replace(started, held="worker"))
        execution = self.get(record.id)
        return execution.wait() if wait else execution

    def _same(self, key: str, definition: PipelineDefinition, values: Mapping[str, Any], wait: bool) -> Execution:
        """The execution that was started under a key. Raises ``CommandError`` (YF721) when it is not the same start."""
        execution = self.get(self._repository.started_under(key))
        record = self._find(execution.id)
        if record.definition_hash != definition.content_hash or record.inputs != values:
            what = "another pipeline" if record.definition_hash != definition.content_hash else "other inputs"
            raise CommandError("YF721", f"`{record.id}` was started under the key {key!r} with {what}", "give another key")
        return execution.wait() if wait else execution

    def _check_pools(self, plan: ExecutionPlan, folder: Path) -> None:
        try:
            problem = next(iter(self._loop.pools.problems(plan, folder)), None)
        except ConfigurationError as error:
            raise CommandError("YF739", str(error)) from None
        if problem is not None:
            raise CommandError("YF738", *problem)

    # --- look ------------------------------------------------------------------------------------------------------

    def get(self, execution_id: str | None = None) -> Execution:
        """An execution by its id, or by a beginning of it that only one has; without an id the newest of this project.
        Raises ``CommandError`` (YF701)."""
        record = self._find(execution_id)
        execution = self._handles.get(record.id)
        if execution is None or execution.is_given_up or execution.is_behind(record):
            run = self._desk.driven_here(record.id)
            execution = Execution(run, self._desk) if run is not None else self._followed(record)
            self._handles[record.id] = execution
        return execution

    def _followed(self, record: ExecutionRecord) -> Execution:
        """One that this process does not drive: its facts through ``decide`` give it back."""
        follower = self._desk.follow(record)
        return Execution(follower.run, self._desk, follower)

    def list(self, project: str | None = None, limit: int = 50, *, with_children: bool = False) -> list[ExecutionRecord]:
        """The newest executions, newest first; of one project, or of all; ``with_children``: also those that nodes started."""
        records = self._repository.executions(project, limit, with_children=with_children)
        return [self._desk.as_seen(record) for record in records]

    def children_of(self, execution_id: str) -> Sequence[ExecutionRecord]:
        """The executions that nodes of one have started, oldest first."""
        return self._desk.children(execution_id)

    def of_this_project(self, limit: int = 50) -> Sequence[ExecutionRecord]:
        """The newest executions of the project in whose folder this process works."""
        return self.list(this_project(), limit)

    def why(self, execution_id: str | None, node: str) -> str:
        """Why a node started, did not start or still waits."""
        return self.get(execution_id).why(node)

    def events(self, execution_id: str | None = None, since: int = 0) -> Sequence[StoredEvent]:
        """The stored history, from the event after number ``since``."""
        return self._repository.events(self._find(execution_id).id, since)

    def nodes(self, execution_id: str | None = None) -> Sequence[NodeRecord]:
        """The stored states of nodes, in the order of the document."""
        return self._repository.nodes(self._find(execution_id).id)

    def variables(self, execution_id: str | None = None) -> dict[str, Any]:
        """The stored values under their full names."""
        return self._repository.variables(self._find(execution_id).id)

    def logs(self, execution_id: str | None = None, node: str | None = None, *, follow: bool = False) -> Iterator[LogRecord]:
        """What the attempts of a node said (of every node, in the document's order, without one); ``follow``: as it is said,
        until the node, or the execution, has ended. Raises ``CommandError`` (YF701, YF704)."""
        execution = self.get(execution_id)
        if node is not None and node not in execution.nodes:
            raise CommandError("YF704", f"`{execution.id}` has no node `{node}`", f"nodes: {', '.join(execution.nodes)}")
        folder, names = self._loop.runs_folder / execution.id, list(execution.nodes) if node is None else [node]
        return attempt_log(folder, names, follow, lambda: _is_over(execution, node))

    def _find(self, execution_id: str | None) -> ExecutionRecord:
        if execution_id is None:
            newest = self._repository.executions(this_project(), 1) or self._repository.executions(None, 1)
            if not newest:
                raise CommandError("YF701", "there are no executions yet", "yamlflow run FILE starts one")
            return newest[0]
        record = self._repository.execution(execution_id)
        if record is not None:
            return record
        near = self._begin_with(execution_id, False) or self._begin_with(execution_id, True)
        if len(near) == 1:
            return near[0]
        if near:
            shown = ", ".join(found.id for found in near[:5])
            raise CommandError("YF701", f"several executions begin with `{execution_id}`: {shown}", "give more of the id")
        raise CommandError("YF701", f"there is no execution `{execution_id}`", "yamlflow list shows them")

    def _begin_with(self, beginning: str, with_children: bool) -> Sequence[ExecutionRecord]:
        """The id of a child begins with its parent's, so that the parent is meant where both could be."""
        found = self._repository.executions(None, _NEWEST, with_children=with_children) if beginning else []
        return [record for record in found if record.id.startswith(beginning)]

    # --- tell ------------------------------------------------------------------------------------------------------

    def meant(self, verb: str, execution_id: str | None = None) -> Execution:
        """The execution that a verb is about: the one named, else the only or newest one of this project that it fits.
        Raises ``CommandError``: YF701, YF732 none fits, YF726 several do."""
        return self.get(execution_id or choose(verb, self._newest))

    def all_meant(self, pipeline: str, where: Mapping[str, Any]) -> Sequence[Execution]:
        """Every execution of a pipeline that has not ended and was started with these inputs. Raises ``CommandError`` (YF732)."""
        records = self.list(None, _NEWEST, with_children=True)
        return [self.get(name) for name in matching(records, pipeline, where)]

    def _newest(self, everywhere: bool) -> Sequence[ExecutionRecord]:
        return self.list(None, _NEWEST) if everywhere else self.of_this_project(_NEWEST)

    def cancel(self, execution_id: str | None = None, now: bool = False, *, here: bool = False) -> Execution:
        """Stop an execution; ``here``: one that nobody drives is ended by this process."""
        return self.meant("cancel", execution_id).cancel(now, here=here)

    def pause(self, execution_id: str | None = None) -> Execution:
        """Let nothing new start."""
        return self.meant("pause", execution_id).pause()

    def retry(
        self, execution_id: str | None = None, *nodes: str, with_nodes: Sequence[str] = (), failed_items: bool = False
    ) -> Execution:
        """Open the next round, in this process."""
        return self.meant("retry", execution_id).retry(*nodes, with_nodes=with_nodes, failed_items=failed_items)

    def asking(self, node: str | None = None, execution_id: str | None = None) -> Execution:
        """The execution whose approval is meant: the one named, else the only one that asks (for this node). Raises
        ``CommandError``: YF740 none asks, YF726 several do."""
        if execution_id is not None:
            return self.get(execution_id)
        found = list(self._waiting_for_people(this_project()) or self._waiting_for_people(None))
        found = [one for one in found if node is None or any(asked.node == node for asked in one.approvals)]
        if len(found) == 1:
            return found[0]
        newest = None if found or node is None else next(iter(self.of_this_project(1)), None)
        if newest is not None and node in self.get(newest.id).nodes:
            return self.get(newest.id)  # which says what became of it
        if not found:
            told = "no approval waits" if node is None else f"no approval `{node}` waits"
            raise CommandError("YF740", told, "yamlflow list shows what runs; name the execution that you mean")
        lines = [f"  {one.id}  {one.pipeline}: {', '.join(dict.fromkeys(asked.node for asked in one.approvals))}" for one in found]
        raise CommandError("YF726", "\n".join(["several executions ask:", *lines]), "name one: its id, or the beginning of it")

    def _waiting_for_people(self, project: str | None) -> Sequence[Execution]:
        """Those that have not ended and ask somebody something. Only what has an approval is read back."""
        records = [one for one in self.list(project, _NEWEST) if one.status in FITTING["approve"] and "approval" in one.definition]
        return [one for one in (self.get(record.id) for record in records) if one.approvals]

    def approvals(self, everyone: bool = False, project: str | None = None) -> Sequence[Mapping[str, Any]]:
        """What waits for a decision of the user of this process; ``everyone``: of anybody. Newest executions first."""
        by = user()
        asked = [one for execution in self._waiting_for_people(project) for one in execution.approvals]
        return [self._desk.readable(one) for one in asked if everyone or one.may_decide(by)]

    def skip(self, node: str, execution_id: str | None = None, *, here: bool = False) -> Execution:
        """Leave a pending node out."""
        return self.meant("skip", execution_id).skip(node, here=here)

    def set_variable(self, reference: str, value: Any, execution_id: str | None = None) -> Execution:
        """Give a paused execution another value."""
        return self.meant("set-variable", execution_id).set_variable(reference, value)

    def resume(self, execution_id: str | None = None, *, force: bool = False, take_over: bool = False) -> Execution:
        """Go on after a pause, or take over what nobody drives any more; without an id the one that is interrupted."""
        return self.meant("resume", execution_id).resume(force=force, take_over=take_over)

    def take_for_worker(self, record: ExecutionRecord) -> Execution | None:
        """Drive an execution that waits for a worker, or whose worker is gone; None where somebody drives it. Raises
        ``CommandError``, ``StoreError``."""
        if self._desk.is_driven(record):
            return None
        limited = self.get(record.id).is_limited
        then = [] if limited else [PlaceGranted(self._loop.now())]
        run = self._desk.take_over(record.id, None, False, None, then=then)
        self._handles[record.id] = execution = Execution(run, self._desk)
        return execution

    def answer(self, node: str, answer: Literal["retry", "fail"], execution_id: str | None = None) -> Execution:
        """Say what becomes of a node's interrupted attempt."""
        return self.get(execution_id).answer(node, answer)

    def send_event(
        self,
        name: str,
        execution_id: str | None = None,
        payload: Mapping[str, Any] | None = None,
        *,
        key: str | None = None,
        here: bool = False,
    ) -> Execution:
        """``custom.<name>`` happened. Without an id: in the one that is meant, or in its child where that alone waits for it."""
        meant = self.meant("event send", execution_id)
        if execution_id is None:
            meant = self._who_awaits(meant, f"custom.{name.removeprefix('custom.')}") or meant
        return meant.send_event(name, payload, user(), key=key, here=here)

    def _who_awaits(self, execution: Execution, event: str) -> Execution | None:
        """An execution, or the first of its children, that waits for an event."""
        if event in execution.waiting_for:
            return execution
        waiting = (self.get(child.id) for child in execution.children if child.status not in TERMINAL_STATUS)
        return next((found for child in waiting if (found := self._who_awaits(child, event)) is not None), None)

    def send_event_to_all(
        self,
        name: str,
        pipeline: str,
        where: Mapping[str, Any] | None = None,
        payload: Mapping[str, Any] | None = None,
        *,
        key: str | None = None,
        here: bool = False,
    ) -> Sequence[Execution]:
        """The same for every execution of a pipeline that has not ended and was started with these inputs. Raises
        ``CommandError`` (YF732) where there is none."""
        return [one.send_event(name, payload, user(), key=key, here=here) for one in self.all_meant(pipeline, where or {})]

    def simulate(
        self,
        source: Source,
        inputs: Mapping[str, Any] | None = None,
        outcomes: Mapping[str, Script] | None = None,
        events: Sequence[tuple[float, str, Mapping[str, Any]]] = (),
        max_time: float | None = None,
    ) -> Simulation:
        """What a pipeline would do, in virtual time; nothing is executed and nothing stored."""
        return self._pipelines.simulate(source, inputs, outcomes, events, max_time)

    def close(self) -> None:
        """Stop the loop and close the store."""
        self._loop.close()
        self._repository.close()


_OVER = frozenset({"completed", "failed", "skipped", "cancelled", "interrupted", "paused"})


def _is_over(execution: Execution, node: str | None) -> bool:
    """Whether nothing more will be said for a node (for any, without one) as things stand."""
    return execution.status in _OVER or (node is not None and execution.nodes[node].state in _OVER)
