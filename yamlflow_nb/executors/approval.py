"""``type: approval``: a person decides."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from yamlflow_nb.domain.task_definition import TaskFields, TaskType
from yamlflow_nb.language.declarations import meant_type

_FORM_TYPES = ("string", "number", "integer", "boolean", "date", "datetime", "array", "object", "any")


class ApprovalFields(TaskFields):
    """Fields of an ``approval`` task."""

    message: str | None = None
    form: dict[str, dict[str, Any]] | None = None
    actions: list[dict[str, Any]] | None = None
    approvers: list[str] | str | None = None
    allowSelf: bool = False
    quorum: int = Field(default=1, ge=1)
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

    @field_validator("form")
    @classmethod
    def _types(cls, value: dict[str, dict[str, Any]] | None) -> dict[str, dict[str, Any]] | None:
        for name, field in (value or {}).items():
            kind = field.get("type", "string")
            if kind not in _FORM_TYPES and "{{" not in str(kind):
                close = meant_type(kind) if isinstance(kind, str) else None
                advice = f"did you mean `{close}`?" if close in _FORM_TYPES else f"types: {', '.join(_FORM_TYPES)}"
                raise ValueError(f"the field `{name}` has no type `{kind}`; {advice}")
        return value

    @model_validator(mode="after")
    def _enough(self) -> ApprovalFields:
        if isinstance(self.approvers, list) and self.quorum > len(self.approvers):
            raise ValueError(f"`quorum` is {self.quorum} and there are {len(self.approvers)} approvers: it could never be reached")
        return self


TASK_TYPE = TaskType(
    name="approval",
    fields=ApprovalFields,
    outputs={"decision": "string", "by": "string", "at": "datetime", "comment": "string"},
    events=("approved", "rejected"),
    waits="person",
    on_interrupt="retry",
    summary="Waits for a person to approve or reject.",
)
