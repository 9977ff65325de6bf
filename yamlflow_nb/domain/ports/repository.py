"""Where executions are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from yamlflow_nb.domain.decision import StoredEvent
from yamlflow_nb.domain.event import Fact


@dataclass
class ExecutionRecord:
    """One execution as the store lists it. Times are seconds since the epoch."""

    id: str
    pipeline: str
    version: str | None
    definition_hash: str
    definition: str
    source_name: str
    folder: str
    project: str
    inputs: Mapping[str, Any]
    status: str
    reason: str | None
    initiator: str
    created_at: float
    finished_at: float | None = None
    round: int = 1
    outputs: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class NodeRecord:
    """One node of an execution as the store keeps it."""

    node: str
    state: str
    reason: str | None
    attempts: int
    started_at: float | None
    finished_at: float | None
    error: str | None
    round: int = 1


@dataclass
class Commit:
    """What one turn of an execution changes, written in one transaction or not at all."""

    execution_id: str
    facts: Sequence[Fact]
    events: Sequence[StoredEvent]
    nodes: Sequence[NodeRecord]
    variables: Sequence[tuple[str, str, Any]]
    status: str
    reason: str | None
    round: int
    at: float
    outputs: Mapping[str, Any] | None = None


class Repository(Protocol):
    """Executions, their facts (the journal from which ``decide`` gives everything back), events, node states, variables."""

    def create(self, record: ExecutionRecord) -> None: ...

    def commit(self, commits: Sequence[Commit]) -> None:
        """Write the turns of one or more executions, in one transaction."""

    def execution(self, execution_id: str) -> ExecutionRecord | None: ...

    def executions(self, project: str | None = None, limit: int = 50) -> list[ExecutionRecord]: ...

    def facts(self, execution_id: str) -> list[Fact]: ...

    def events(self, execution_id: str, since: int = 0) -> list[StoredEvent]: ...

    def nodes(self, execution_id: str) -> list[NodeRecord]: ...

    def variables(self, execution_id: str) -> dict[str, Any]: ...

    def close(self) -> None: ...
