"""Short ways to a plan, a record and a loop for tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.loop.memory import KeptInMemory, KeptNowhere
from yamlflow_nb.domain.event import Started
from yamlflow_nb.domain.execution_plan import ExecutionPlan
from yamlflow_nb.domain.ports.repository import ExecutionRecord
from yamlflow_nb.domain.work import Work
from yamlflow_nb.executors.registry import task_types
from yamlflow_nb.language.validation import validate_text
from yamlflow_nb.loop.kernel_loop import KernelLoop
from yamlflow_nb.loop.run import Run
from yamlflow_nb.planning import plan
from yamlflow_nb.testing.scripted import ManualClock

Doing = Callable[[Work], Mapping[str, Any]]


class Does:
    """An executor of ``python`` nodes that calls what a test gives for each node."""

    api = 1
    task_type = task_types()["python"]

    def __init__(self, **doing: Doing) -> None:
        self.doing = doing
        self.seen: list[Work] = []

    def execute(self, work: Work) -> Mapping[str, Any]:
        self.seen.append(work)
        return self.doing[work.attempt.node](work) if work.attempt.node in self.doing else {}


def plan_of(text: str) -> ExecutionPlan:
    definition, found = validate_text(text, task_types())
    assert definition is not None, [diagnostic.render() for diagnostic in found]
    return plan(definition, task_types())


def record_of(plan: ExecutionPlan, execution_id: str = "e1", folder: Path = Path()) -> ExecutionRecord:
    return ExecutionRecord(
        id=execution_id, pipeline=plan.definition.name, version=None, definition_hash="0", definition="", source_name="<text>",
        folder=str(folder), project=str(folder), inputs={}, status="running", reason=None, initiator="test", created_at=0.0,
    )  # fmt: skip


class World:
    """A loop with a store in memory and, unless another is given, a clock that jumps."""

    def __init__(
        self, folder: Path, executors: Mapping[str, Any] | None = None, clock: Any = None, repository: Any = None, **options: Any
    ) -> None:
        self.repository = repository if repository is not None else KeptInMemory()
        self.artifacts = KeptNowhere()
        self.clock = clock or ManualClock()
        self.folder = folder
        self.loop = KernelLoop(self.repository, executors or {}, self.artifacts, self.clock, runs_folder=folder / "runs", **options)

    def start(self, text: str, execution_id: str = "e1", **options: Any) -> Run:
        made = plan_of(text)
        return self.loop.start(record_of(made, execution_id, self.folder), made, Started(self.loop.now(), {}, {}), **options)

    def types(self, execution_id: str = "e1") -> list[str]:
        """The types of the stored events."""
        return [event.type for event in self.repository.events(execution_id)]

    def __enter__(self) -> World:
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.close()
