"""A loop without work and without waiting: outcomes as in ``simulate``, and time that jumps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from yamlflow_nb.domain.decision import StartTask
from yamlflow_nb.domain.event import Fact, TaskFinished
from yamlflow_nb.domain.execution_plan import PlannedNode
from yamlflow_nb.domain.task_definition import TaskFields, TaskType
from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.orchestration.simulation import OutcomeScript, Script, outcome_facts


class ManualClock:
    """Virtual time from ``start``: it stands still until a loop with nothing to do makes it jump to what is due next."""

    def __init__(self, start: float = 0.0) -> None:
        self._now = start

    def now(self) -> float:
        return self._now

    def jump(self, to: float) -> None:
        self._now = max(self._now, to)


class ScriptedExecutor:
    """Follows outcomes instead of working: those of ``simulate``, counted for one execution.

    A node without an outcome completes at once; an approval without one stays open. One object stands for every task type:
    ``executors = ScriptedExecutor(outcomes).for_types(task_types())``.
    """

    api = 1
    task_type = TaskType(name="scripted", fields=TaskFields, summary="Follows a script of outcomes.")

    def __init__(self, outcomes: Mapping[str, Script] | None = None) -> None:
        self.scripted = frozenset(outcomes or {})
        self._script = OutcomeScript(outcomes or {})

    def for_types(self, task_types: Mapping[str, TaskType]) -> dict[str, ScriptedExecutor]:
        """Itself under the name of every type."""
        return dict.fromkeys(task_types, self)

    def foretell(self, start: StartTask, planned: PlannedNode, item: Any, at: float) -> Sequence[Fact]:
        """The facts that an attempt brings: what it emits, then its result."""
        key = start.attempt
        if key.node in self._script:
            return outcome_facts(self._script.outcome(key, item), planned, key, at)
        return () if planned.waits == "person" else (TaskFinished(at, key),)

    def execute(self, work: Work) -> Mapping[str, Any]:
        """Never called by the loop, which asks ``foretell``."""
        raise TaskFailed("ScriptError", f"`{work.attempt.node}` is scripted: there is nothing to execute")
