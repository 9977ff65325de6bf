"""``type: wait``: a while, a moment, a file or an event."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator, model_validator

from yamlflow_nb.domain.task_definition import TaskFields, TaskType
from yamlflow_nb.language.durations import FORMS, parse_duration


class WaitFields(TaskFields):
    """Fields of a ``wait`` task: exactly one of ``for``, ``until``, ``file`` and ``event``."""

    for_: str | float | None = Field(default=None, alias="for")
    until: Any = None
    file: str | None = None
    event: str | None = None

    @field_validator("for_")
    @classmethod
    def _duration(cls, value: str | float | None) -> str | float | None:
        if value is not None and "{{" not in str(value) and parse_duration(value) is None:
            raise ValueError(f"this is no duration; durations: {FORMS}")
        return value

    @field_validator("event")
    @classmethod
    def _custom(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith("custom."):
            raise ValueError(f"a wait is for an event from outside: `custom.{value.rpartition('.')[2]}`")
        return value

    @model_validator(mode="after")
    def _one_thing(self) -> WaitFields:
        if sum(value is not None for value in (self.for_, self.until, self.file, self.event)) != 1:
            raise ValueError("a wait task needs exactly one of `for`, `until`, `file` and `event`")
        return self


TASK_TYPE = TaskType(
    name="wait",
    fields=WaitFields,
    waits="event",
    on_interrupt="retry",
    summary="Waits; an awaited event's payload is what it outputs.",
)
