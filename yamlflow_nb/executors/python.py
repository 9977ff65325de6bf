"""``type: python``: a function, a piece of code or a file."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import model_validator

from yamlflow_nb.domain.task_definition import TaskFields, TaskType


class PythonFields(TaskFields):
    """Fields of a ``python`` task: exactly one of ``function``, ``code`` and ``file``."""

    function: str | None = None
    code: str | None = None
    file: str | None = None
    isolation: Literal["thread", "process"] = "thread"
    env: dict[str, Any] | None = None
    secrets: list[str] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> PythonFields:
        if sum(value is not None for value in (self.function, self.code, self.file)) != 1:
            raise ValueError("a python task needs exactly one of `function`, `code` and `file`")
        return self


TASK_TYPE = TaskType(
    name="python",
    fields=PythonFields,
    on_interrupt="retry",
    literal=("code",),
    summary="Calls a function with the bindings as keyword arguments, or runs code with the bindings as names.",
)
