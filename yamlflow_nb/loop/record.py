"""What a turn stores: the one place from which execution state is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from yamlflow_nb.domain.decision import FinishExecution, StoredEvent, Turn
from yamlflow_nb.domain.event import Fact, TaskFinished
from yamlflow_nb.domain.ports.cache import CachedResult
from yamlflow_nb.domain.ports.repository import Commit, ExecutionRecord, NodeRecord
from yamlflow_nb.domain.ports.requests import APPLIED
from yamlflow_nb.loop.run import Run
from yamlflow_nb.orchestration.execution_state import ExecutionState, ItemRun, NodeRun


class Draft:
    """The facts that one execution took in during a turn of the loop, and what ``decide`` made of them."""

    def __init__(self, run: Run, created: ExecutionRecord | None = None) -> None:
        self.run = run
        self.created = created
        self.facts: list[Fact] = []
        self.turns: list[Turn] = []
        self.answers: list[tuple[str, str]] = []
        self.cached: list[CachedResult] = []

    def add(self, fact: Fact, turn: Turn, counted: bool, request_id: str | None = None) -> None:
        """A fact that came after the end and changed nothing leaves no trace."""
        counts = bool(counted or turn.events or turn.decisions or turn.changed)
        if counts:
            self.facts.append(fact)
            self.turns.append(turn)
            if isinstance(fact, TaskFinished) and "key" in fact.cache and "from" not in fact.cache:
                self.cached += _worth_keeping(self.run.state, fact)
        if request_id is not None:
            self.answers.append((request_id, APPLIED if counts else f"it has ended: {self.run.state.status}"))

    def commit(self, at: float) -> Commit | None:
        """The whole as one commit; None where there is nothing to write."""
        if not self.facts:
            return None
        state = self.run.state
        events: list[StoredEvent] = []
        changed: dict[str, None] = {}
        variables: dict[tuple[str, str], tuple[str, str, object]] = {}
        outputs = None
        for turn in self.turns:
            events += turn.events
            changed |= turn.changed
            variables |= {(scope, name): (scope, name, value) for scope, name, value in turn.variables}
            for decision in turn.decisions:
                if isinstance(decision, FinishExecution):
                    outputs = decision.outputs
        return Commit(
            execution_id=state.execution_id,
            epoch=self.run.epoch,
            first=self.run.facts + 1,
            facts=self.facts,
            events=events,
            nodes=node_records([state.nodes[name] for name in changed], state.round),
            variables=list(variables.values()),
            status=state.status,
            reason=state.reason,
            round=state.round,
            at=at,
            outputs=outputs,
            created=self.created,
            answers=self.answers,
            cached=self.cached,
        )


def _worth_keeping(state: ExecutionState, fact: TaskFinished) -> Iterator[CachedResult]:
    """The result of an attempt by which its node, or its item, has completed. One that failed, be it by ``failWhen``, is none."""
    run, told = state.nodes[fact.attempt.node], fact.cache
    slot: ItemRun = run if fact.attempt.item is None or run.fan is None else run.fan.runs[fact.attempt.item]
    if slot.state == "completed" and slot.error is None and slot.cached is told and run.planned.repeat is None:
        emitted = [(name, payload) for name, payload in told.get("emitted", ())]
        yield CachedResult(
            told["scope"], told["key"], told["parts"], state.execution_id, fact.at, slot.outputs, emitted,
            told.get("files", {}), told.get("written", ()),
        )  # fmt: skip


def node_records(runs: Sequence[NodeRun], number: int) -> list[NodeRecord]:
    """Nodes as the store keeps them."""
    return [
        NodeRecord(
            node=run.planned.id,
            state=run.state,
            reason=run.reason,
            attempts=run.attempts,
            started_at=run.started_at,
            finished_at=run.finished_at,
            error=None if run.error is None else run.error.message,
            round=number,
        )
        for run in runs
    ]
