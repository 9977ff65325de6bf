"""The nodes of an execution as a person looks at them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.orchestration.execution_state import NodeRun


@dataclass(frozen=True)
class NodeView:
    """One node as it stood when it was asked for. Times are seconds since the epoch. ``reused``: the execution in which it ran,
    where a fork took its result over; ``cached``: what the cache said (``from`` an execution, or what it ``missed``)."""

    id: str
    state: str
    reason: str | None
    attempts: int
    started_at: float | None
    finished_at: float | None
    error: Diagnostic | None
    outputs: Mapping[str, Any]
    is_for_each: bool = False
    reused: str | None = None
    cached: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, run: NodeRun) -> NodeView:
        """As its run stands. Whoever calls it holds the run's lock."""
        return cls(
            run.planned.id, run.state, run.reason, run.attempts, run.started_at, run.finished_at, run.error, dict(run.outputs),
            run.planned.is_for_each, run.reused, run.cached,
        )  # fmt: skip


class Nodes(Mapping[str, NodeView]):
    """The nodes of an execution by id, in the document's order."""

    def __init__(self, views: dict[str, NodeView]) -> None:
        self._views = views

    def __getitem__(self, node: str) -> NodeView:
        try:
            return self._views[node]
        except KeyError:
            raise KeyError(f"no node {node!r}; nodes: {', '.join(self._views)}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._views)

    def __len__(self) -> int:
        return len(self._views)

    def __repr__(self) -> str:
        return f"Nodes({', '.join(f'{name}: {view.state}' for name, view in self._views.items())})"
