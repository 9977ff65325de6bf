"""``type: pyspark``: Python or SQL on a Spark session."""

from __future__ import annotations

from typing import Any

from pydantic import model_validator

from yamlflow_nb.domain.task_definition import TaskFields, TaskType


class PySparkFields(TaskFields):
    """Fields of a ``pyspark`` task: exactly one of ``function``, ``code``, ``file`` and ``sql``."""

    function: str | None = None
    code: str | None = None
    file: str | None = None
    sql: str | None = None
    session: dict[str, Any] | None = None
    remote: str | None = None
    env: dict[str, Any] | None = None
    secrets: list[str] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> PySparkFields:
        if sum(value is not None for value in (self.function, self.code, self.file, self.sql)) != 1:
            raise ValueError("a pyspark task needs exactly one of `function`, `code`, `file` and `sql`")
        return self


TASK_TYPE = TaskType(
    name="pyspark",
    fields=PySparkFields,
    on_interrupt="retry",
    literal=("code",),
    no_templates={"sql": "values go in as bind parameters: write `:name` and bind it by inputBindings"},
    summary="Runs Python or SQL on Spark; Spark DataFrames become Parquet references.",
)
