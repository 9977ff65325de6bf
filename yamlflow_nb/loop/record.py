"""What a turn stores: the one place from which execution state is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from yamlflow_nb.domain.decision import FinishExecution, StoredEvent, Turn
from yamlflow_nb.domain.event import Fact
from yamlflow_nb.domain.notice import Notice
from yamlflow_nb.domain.ports.repository import Commit, ExecutionRecord, NodeRecord
from yamlflow_nb.domain.ports.requests import APPLIED
from yamlflow_nb.loop.notices import notices_of
from yamlflow_nb.loop.run import Run
from yamlflow_nb.orchestration.execution_state import NodeRun


class Draft:
    """The facts that one execution took in during a turn of the loop, and what ``decide`` made of them."""

    def __init__(self, run: Run, created: ExecutionRecord | None = None) -> None:
        self.run = run
        self.created = created
        self.answers: list[tuple[str, str]] = []
        self.notices: list[Notice] = []
        self._facts: list[Fact] = []
        self._events: list[StoredEvent] = []
        self._changed: dict[str, None] = {}
        self._variables: dict[tuple[str, str], Any] = {}
        self._outputs: Mapping[str, Any] | None = None

    def add(self, fact: Fact, turn: Turn, counted: bool, request_id: str | None = None) -> None:
        """A fact that came after the end and changed nothing leaves no trace."""
        counts = bool(counted or turn.events or turn.decisions or turn.changed)
        if counts:
            self._facts.append(fact)
            self._events += turn.events
            self._changed |= turn.changed
            for scope, name, value in turn.variables:
                self._variables[scope, name] = value
            for decision in turn.decisions:
                if isinstance(decision, FinishExecution):
                    self._outputs = decision.outputs
            self.notices += notices_of(self.run, turn)
        if request_id is not None:
            self.answers.append((request_id, APPLIED if counts else f"it has ended: {self.run.state.status}"))

    def commit(self, at: float) -> Commit | None:
        """The whole as one commit; None where there is nothing to write."""
        if not self._facts:
            return None
        state = self.run.state
        return Commit(
            execution_id=state.execution_id,
            epoch=self.run.epoch,
            first=self.run.facts + 1,
            facts=self._facts,
            events=self._events,
            nodes=node_records(map(state.nodes.__getitem__, self._changed), state.round),
            variables=[(scope, name, value) for (scope, name), value in self._variables.items()],
            status=state.status,
            reason=state.reason,
            round=state.round,
            at=at,
            outputs=self._outputs,
            created=self.created,
            answers=self.answers,
            notices=self.notices,
        )


def node_records(runs: Iterable[NodeRun], number: int) -> list[NodeRecord]:
    """Nodes as the store keeps them."""
    return [
        NodeRecord(
            run.planned.id,
            run.state,
            run.reason,
            run.attempts,
            run.started_at,
            run.finished_at,
            None if run.error is None else run.error.message,
            number,
        )
        for run in runs
    ]
