"""A store in memory with what the loop's own tests need, and one that can be told to fail."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from yamlflow_nb.domain.decision import StoredEvent
from yamlflow_nb.domain.event import Fact
from yamlflow_nb.domain.ports.repository import Commit, ExecutionRecord, NodeRecord


class KeptInMemory:
    """``Repository``: everything in lists. ``refuse`` names executions whose commits fail."""

    def __init__(self) -> None:
        self.records: dict[str, ExecutionRecord] = {}
        self.commits: list[list[Commit]] = []
        self.refuse: set[str] = set()
        self._facts: dict[str, list[Fact]] = {}
        self._events: dict[str, list[StoredEvent]] = {}
        self._nodes: dict[str, dict[str, NodeRecord]] = {}
        self._variables: dict[str, dict[str, Any]] = {}

    def create(self, record: ExecutionRecord) -> None:
        self.records[record.id] = record

    def commit(self, commits: Sequence[Commit]) -> None:
        if any(commit.execution_id in self.refuse for commit in commits):
            raise OSError("disk full")
        self.commits.append(list(commits))
        for commit in commits:
            key, record = commit.execution_id, self.records[commit.execution_id]
            self._facts.setdefault(key, []).extend(commit.facts)
            self._events.setdefault(key, []).extend(commit.events)
            self._nodes.setdefault(key, {}).update({node.node: node for node in commit.nodes})
            self._variables.setdefault(key, {}).update({f"{scope}.{name}": value for scope, name, value in commit.variables})
            record.status, record.reason, record.round = commit.status, commit.reason, commit.round
            if commit.outputs is not None:
                record.outputs, record.finished_at = commit.outputs, commit.at

    def execution(self, execution_id: str) -> ExecutionRecord | None:
        return self.records.get(execution_id)

    def executions(self, project: str | None = None, limit: int = 50) -> list[ExecutionRecord]:
        found = [record for record in self.records.values() if project in (None, record.project)]
        return sorted(found, key=lambda record: record.created_at, reverse=True)[:limit]

    def facts(self, execution_id: str) -> list[Fact]:
        return list(self._facts.get(execution_id, ()))

    def events(self, execution_id: str, since: int = 0) -> list[StoredEvent]:
        return [event for event in self._events.get(execution_id, ()) if event.number > since]

    def nodes(self, execution_id: str) -> list[NodeRecord]:
        return list(self._nodes.get(execution_id, {}).values())

    def variables(self, execution_id: str) -> dict[str, Any]:
        return dict(self._variables.get(execution_id, {}))

    def close(self) -> None:
        pass


class KeptNowhere:
    """``ArtifactStore`` that remembers what it was given."""

    def __init__(self) -> None:
        self.kept: list[Any] = []

    def keep(self, value: Any) -> dict[str, Any]:
        self.kept.append(value)
        size = value.stat().st_size if isinstance(value, Path) else 0
        return {"path": str(value), "format": "bin", "size": size, "sha256": f"{len(self.kept):064x}"}

    def read(self, reference: dict[str, Any]) -> Any:
        return reference["path"]

    def find(self, name: str) -> Path:
        raise FileNotFoundError(name)
