"""Which tasks there are."""

from __future__ import annotations

from collections.abc import Mapping

from yamlflow_nb.domain.task_definition import TaskType


class TaskService:
    """The installed task types, ours and those of plugins. ``runnable`` names those that have an executor."""

    def __init__(self, task_types: Mapping[str, TaskType], runnable: frozenset[str]) -> None:
        self._task_types = task_types
        self.runnable = runnable

    def types(self) -> dict[str, TaskType]:
        """Every task type by name."""
        return dict(sorted(self._task_types.items()))
