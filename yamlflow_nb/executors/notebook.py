"""``type: notebook``: a notebook run by papermill in a kernel of its own."""

from __future__ import annotations

from typing import Any, Literal

from yamlflow_nb.domain.task_definition import TaskFields, TaskType


class NotebookFields(TaskFields):
    """Fields of a ``notebook`` task."""

    path: str
    kernel: str | None = None
    parametersCell: str | int | None = None
    saveTo: str | None = None
    restart: Literal["fromFailedCell", "fromStart"] = "fromFailedCell"
    isolation: Literal["warm", "fresh"] = "warm"
    env: dict[str, Any] | None = None
    secrets: list[str] | None = None


TASK_TYPE = TaskType(
    name="notebook",
    fields=NotebookFields,
    outputs={"notebook": "file"},
    on_interrupt="retry",
    summary="Runs a notebook; declared outputs are read from its kernel after the last cell.",
)
