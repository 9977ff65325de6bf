"""``type: shell``: a command."""

from __future__ import annotations

from typing import Any

from yamlflow_nb.domain.task_definition import TaskFields, TaskType


class ShellFields(TaskFields):
    """Fields of a ``shell`` task: an argv list, or a string for the shell with inputs only in the environment."""

    command: list[Any] | str
    cwd: str | None = None
    env: dict[str, Any] | None = None
    secrets: list[str] | None = None


TASK_TYPE = TaskType(
    name="shell",
    fields=ShellFields,
    outputs={"exit_code": "integer", "stdout": "string", "stderr": "string"},
    on_interrupt="ask",
    summary="Runs a command.",
)
