"""``type: http``: one request."""

from __future__ import annotations

from typing import Any, Literal

from yamlflow_nb.domain.task_definition import TaskFields, TaskType


class HttpFields(TaskFields):
    """Fields of an ``http`` task."""

    url: str
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"] = "GET"
    headers: dict[str, Any] | None = None
    body: Any = None
    expect: Any = None
    env: dict[str, Any] | None = None
    secrets: list[str] | None = None


TASK_TYPE = TaskType(
    name="http",
    fields=HttpFields,
    outputs={"status": "integer", "body": "any", "headers": "object"},
    on_interrupt="ask",
    summary="Sends a request and checks the answer.",
)
