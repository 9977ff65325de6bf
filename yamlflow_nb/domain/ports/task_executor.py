"""Who does the work of a task type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from yamlflow_nb.domain.task_definition import TaskType
from yamlflow_nb.domain.work import Later, Work


class TaskExecutor(Protocol):
    """An executor of one task type; a plugin's class has the same form, with ``api = 1``."""

    api: int
    task_type: TaskType

    def execute(self, work: Work) -> Mapping[str, Any] | Later:
        """Do the work and return its outputs, or who will have them; raises ``TaskFailed``, or anything else, when it fails.
        Never writes state."""


@runtime_checkable
class Looking(Protocol):
    """An executor of a type that waits: nothing works meanwhile, it is asked about once a second."""

    def look(self, work: Work) -> Mapping[str, Any] | None:
        """The outputs when what is awaited is there, else None, soon. Raises ``TaskFailed`` where it cannot come."""
