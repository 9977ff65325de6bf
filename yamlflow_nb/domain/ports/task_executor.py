"""Who does the work of a task type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from yamlflow_nb.domain.task_definition import TaskType
from yamlflow_nb.domain.work import Later, Work


class TaskExecutor(Protocol):
    """An executor of one task type; a plugin's class has the same form, with ``api = 1``."""

    api: int
    task_type: TaskType

    def execute(self, work: Work) -> Mapping[str, Any] | Later:
        """Do the work and return its outputs, or who will have them; raises ``TaskFailed``, or anything else, when it fails.
        Never writes state."""
