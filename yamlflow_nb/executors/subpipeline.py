"""``type: subpipeline``: another pipeline as one node."""

from __future__ import annotations

from typing import Literal

from yamlflow_nb.domain.task_definition import TaskFields, TaskType


class SubPipelineFields(TaskFields):
    """Fields of a ``subpipeline`` task: a file, or the name of a published pipeline."""

    pipeline: str
    onParentCancel: Literal["cancel", "wait"] = "cancel"


TASK_TYPE = TaskType(
    name="subpipeline",
    fields=SubPipelineFields,
    on_interrupt="retry",
    summary="Runs another pipeline with the bindings as its inputs; its outputs are the node's.",
)
