"""The child of an attempt: found by its id, begun, reopened or taken over; its result is the attempt's."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from yamlflow_nb.domain.event import AttemptKey, CancelRequested, RetryRequested
from yamlflow_nb.domain.pipeline_definition import PipelineDefinition
from yamlflow_nb.domain.ports.repository import ExecutionRecord, Repository
from yamlflow_nb.domain.store_error import StoreError
from yamlflow_nb.domain.work import Later, TaskFailed, Work
from yamlflow_nb.executors.source_file import source_text
from yamlflow_nb.language.checks.child_pipeline import DEEPEST, is_file
from yamlflow_nb.loop.attempt import attempt_folder
from yamlflow_nb.loop.kernel_loop import KernelLoop
from yamlflow_nb.loop.run import Run
from yamlflow_nb.orchestration.inputs import accepted_inputs
from yamlflow_nb.orchestration.rounds import running_again
from yamlflow_nb.services.attached_child import AttachedChild
from yamlflow_nb.services.desk import Desk
from yamlflow_nb.services.lookout import Lookout
from yamlflow_nb.services.new_execution import first_fact, new_record
from yamlflow_nb.services.pipeline_service import PipelineService
from yamlflow_nb.services.pipeline_source import PipelineSource

_ID_DIGITS = 10


class ChildExecutions:
    """``Children``. A child's id is made of its parent's, the node, the iteration and item, and a count: a node that is tried again
    goes on with its failed child in another round, and begins the next child where that cannot be."""

    def __init__(self, loop: KernelLoop, repository: Repository, desk: Desk, pipelines: PipelineService) -> None:
        self.loop = loop
        self.repository = repository
        self.desk = desk
        self.lookout = Lookout(loop, repository)
        self._pipelines = pipelines

    def attach(self, work: Work, pipeline: str, cancels: bool) -> Later:
        """The child of an attempt. Raises ``TaskFailed``, and what a definition, its inputs or the store raise."""
        child = AttachedChild(self, work, pipeline, cancels)
        child.begin()
        return Later(child.when_there, child.result, child.cancel)

    def call_off(self, execution_id: str, attempt: AttemptKey) -> None:
        _, record = self.newest(execution_id, attempt)
        if record is not None:
            self.cancel(record.id, execution_id)

    # --- which child -------------------------------------------------------------------------------------------------

    def newest(self, parent_id: str, key: AttemptKey) -> tuple[int, ExecutionRecord | None]:
        """How many children a node, iteration or item has had, and the last of them."""
        found: ExecutionRecord | None = None
        for count in itertools.count(1):
            record = self.repository.execution(child_id(parent_id, key, count))
            if record is None:
                return count - 1, found
            found = record
        raise AssertionError("there is no last number")

    def serves(self, record: ExecutionRecord, key: AttemptKey) -> bool:
        """Whether a child runs, or ran, for this very attempt: it was made for it, or its last round was opened for it."""
        label = attempt_label(key)
        for fact in reversed(self.repository.facts(record.id)):
            if isinstance(fact, RetryRequested) and (fact.by or "").startswith(f"{record.parent_id} "):
                return fact.by == f"{record.parent_id} {label}"
        return record.parent_attempt == label

    def is_to_go_on(self, record: ExecutionRecord, definition: PipelineDefinition, values: Mapping[str, Any]) -> bool:
        """Whether another round of a child that failed does what the next attempt is to do."""
        if record.status not in ("failed", "cancelled") or record.definition_hash != definition.content_hash:
            return False
        if dict(record.inputs) != dict(values):
            return False
        return bool(running_again(self.desk.follow(record).run.state, RetryRequested(0.0)))

    # --- its definition ----------------------------------------------------------------------------------------------

    def definition(self, work: Work, named: str) -> tuple[PipelineDefinition, PipelineSource]:
        """What ``pipeline:`` names: a file beside the parent's, or what was published. Raises ``TaskFailed``, and
        ``DefinitionError``."""
        if is_file(named):
            path, text = source_text(work, named, "the pipeline")
            source = PipelineSource(text, str(path), path.parent)
        else:
            source = self._pipelines.published_source(named, self.parent(work).pins)
        return self._pipelines.load_source(source), source

    def parent(self, work: Work) -> ExecutionRecord:
        """The record of the execution whose node this is."""
        run = self.loop.run(work.execution_id)
        record = run.record if run is not None else self.repository.execution(work.execution_id)
        if record is None:
            raise TaskFailed("ChildError", f"there is no execution `{work.execution_id}`")
        return record

    def refuse_circles(self, parent: ExecutionRecord, definition: PipelineDefinition) -> None:
        """Raises ``TaskFailed`` for a pipeline that contains itself, and for one that lies too deep: files may have changed since
        they were validated."""
        above = [parent, *self._ancestors(parent)]
        walk = " -> ".join([*(record.pipeline for record in reversed(above)), definition.name])
        if any(record.definition_hash == definition.content_hash for record in above):
            raise TaskFailed("ChildError", f"pipelines contain each other: {walk}")
        if len(above) > DEEPEST:
            raise TaskFailed("ChildError", f"pipelines may be {DEEPEST} deep, this goes deeper: {walk}")

    def _ancestors(self, record: ExecutionRecord) -> Iterator[ExecutionRecord]:
        while record.parent_id is not None:
            above = self.repository.execution(record.parent_id)
            if above is None:
                return
            record = above
            yield record

    # --- begun, reopened, taken over -----------------------------------------------------------------------------------

    def start(
        self, work: Work, count: int, definition: PipelineDefinition, source: PipelineSource, values: Mapping[str, Any]
    ) -> str:
        """Begin the child; it is in the store when this returns. Another that was faster is as good."""
        parent, now, key = self.parent(work), self.loop.now(), work.attempt
        record = new_record(child_id(parent.id, key, count), definition, source, values, now, parent.initiator)
        record.project = parent.project
        record.parent_id, record.parent_node, record.parent_attempt = parent.id, node_label(key), attempt_label(key)
        record.pins = self._pipelines.pins(definition)
        plan = self._pipelines.plan(definition)
        problem = next(iter(self.loop.pools.problems(plan, source.folder)), None)
        if problem is not None:
            raise TaskFailed("ChildError", f"`{definition.name}`: {problem[0]}")
        try:
            self.loop.start(record, plan, first_fact(record, definition), namespace=work.namespace)
        except StoreError:
            if self.repository.standing(record.id) is None:
                raise
        return record.id

    def reopen(self, record: ExecutionRecord, work: Work) -> None:
        """Open the child's next round for this attempt."""
        by = f"{record.parent_id} {attempt_label(work.attempt)}"
        fact = RetryRequested(self.loop.now(), by=by)
        self.desk.take_over(record.id, by, False, work.namespace, True, [fact])

    def take_over(self, execution_id: str, work: Work) -> None:
        """Drive what nobody drives: whoever was allowed to take the parent over goes on with its children."""
        self.desk.take_over(execution_id, f"{work.execution_id} {attempt_label(work.attempt)}", False, work.namespace, True)

    def cancel(self, execution_id: str, parent_id: str) -> None:
        """Let a child end, with its clean-up; also one that nobody drives any more."""
        fact = CancelRequested(self.loop.now(), f"{parent_id}", self._at_once(parent_id))
        standing = self.repository.standing(execution_id)
        if standing is None or standing.has_ended:
            return
        if self.loop.run(execution_id) is not None or self.loop.tenure.is_driven(standing):
            self.desk.tell(execution_id, fact)
        else:
            self.desk.take_over(execution_id, parent_id, False, None, True, [fact])

    def _at_once(self, parent_id: str) -> bool:
        """Whether the parent was cancelled with ``--now``."""
        return any(isinstance(fact, CancelRequested) and fact.now for fact in self.repository.facts(parent_id))

    def inputs(self, definition: PipelineDefinition, work: Work) -> dict[str, Any]:
        """The child's inputs from the node's bindings. Raises ``InputError``."""
        return accepted_inputs(definition, work.inputs)

    def run(self, execution_id: str) -> Run | None:
        """The child where this process drives it."""
        return self.loop.run(execution_id)


def child_id(parent_id: str, key: AttemptKey, count: int) -> str:
    """The id of a node's ``count``-th child: it begins with its parent's."""
    told = f"{key.node}-{key.iteration}-{'' if key.item is None else key.item}-{count}"
    return f"{parent_id}-{hashlib.sha256(told.encode()).hexdigest()[:_ID_DIGITS]}"


def attempt_label(key: AttemptKey) -> str:
    """``r1-a1``, with iteration and item: as the attempt's folder is called."""
    return attempt_folder(Path(), "", key).name


def node_label(key: AttemptKey) -> str:
    """``score``, of a ``forEach`` ``score[3]``."""
    return key.node if key.item is None else f"{key.node}[{key.item}]"
