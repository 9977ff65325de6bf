"""A store in memory that can be told to fail, and a place for large objects that keeps none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from yamlflow_nb.domain.ports.repository import Commit, ExecutionRecord
from yamlflow_nb.testing.memory import InMemoryRepository


class KeptInMemory(InMemoryRepository):
    """Remembers every commit. ``refuse`` names executions whose commits fail."""

    def __init__(self) -> None:
        super().__init__()
        self.commits: list[list[Commit]] = []
        self.refuse: set[str] = set()

    @property
    def records(self) -> dict[str, ExecutionRecord]:
        return {record.id: record for record in self.executions(limit=1_000_000)}

    def commit(self, commits: Sequence[Commit]) -> None:
        if any(commit.execution_id in self.refuse for commit in commits):
            raise OSError("disk full")
        self.commits.append(list(commits))
        super().commit(commits)


class KeptNowhere:
    """``ArtifactStore`` that remembers what it was given."""

    folder = Path()

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

    def bring(self, value: Any) -> Any:
        return value
