"""``type: approval``: a person decides."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import field_validator

from yamlflow_nb.domain.task_definition import TaskFields, TaskType


class ApprovalFields(TaskFields):
    """Fields of an ``approval`` task."""

    message: str | None = None
    form: dict[str, dict[str, Any]] | None = None
    actions: list[dict[str, Any]] | None = None
    approvers: list[str] | str | None = None
    allowSelf: bool = False
    quorum: int = 1
    evidence: Any = None
    remind: str | float | None = None
    onReject: Literal["fail", "ignore"] = "fail"
    onTimeout: Literal["fail", "reject"] | dict[str, Any] = "fail"

    @field_validator("approvers")
    @classmethod
    def _someone(cls, value: list[str] | str | None) -> list[str] | str | None:
        if value is not None and not value:
            raise ValueError("nobody could ever approve: name someone, or leave `approvers` out")
        return value


TASK_TYPE = TaskType(
    name="approval",
    fields=ApprovalFields,
    outputs={"decision": "string", "by": "string", "at": "datetime", "comment": "string"},
    events=("approved", "rejected"),
    waits="person",
    on_interrupt="retry",
    summary="Waits for a person to approve or reject.",
)
