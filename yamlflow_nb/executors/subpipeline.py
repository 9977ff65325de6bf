"""``type: subpipeline``: another pipeline as one node."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from yamlflow_nb.domain.event import AttemptKey
from yamlflow_nb.domain.ports.children import Children
from yamlflow_nb.domain.task_definition import TaskFields, TaskType
from yamlflow_nb.domain.work import Later, TaskFailed, Work


class SubPipelineFields(TaskFields):
    """Fields of a ``subpipeline`` task: a file, or the name of a published pipeline."""

    pipeline: str
    onParentCancel: Literal["cancel", "wait"] = "cancel"


TASK_TYPE = TaskType(
    name="subpipeline",
    fields=SubPipelineFields,
    waits="child",
    on_interrupt="retry",
    summary="Runs another pipeline with the bindings as its inputs; its outputs are the node's.",
)


class SubPipelineExecutor:
    """Runs a pipeline as a node. The child is an execution of its own, driven by the same loop: no thread is held while it runs.
    ``children`` gives who starts and finds it."""

    api = 1
    task_type = TASK_TYPE

    def __init__(self, children: Callable[[], Children] | None = None) -> None:
        self._children = children

    def execute(self, work: Work) -> Later:
        if self._children is None:
            raise TaskFailed("ChildError", "a child pipeline needs a store: start this pipeline with yamlflow_nb.start")
        fields = SubPipelineFields.model_validate(work.fields)
        return self._children().attach(work, fields.pipeline, cancels=fields.onParentCancel == "cancel")

    def call_off(self, execution_id: str, attempt: AttemptKey, fields: Mapping[str, Any]) -> None:
        """An attempt was called off of which this process has nothing in hand: its child may live all the same."""
        if self._children is not None and fields.get("onParentCancel", "cancel") == "cancel":
            self._children().call_off(execution_id, attempt)
