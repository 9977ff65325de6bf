"""``type: sql``: one query on DuckDB, in this process, or on any database that SQLAlchemy knows."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import model_validator

from yamlflow_nb.domain.task_definition import TaskFields, TaskType

_BOUND = "values go in as bind parameters: write `:name` in the query and bind it by inputBindings"


class SqlFields(TaskFields):
    """Fields of a ``sql`` task: exactly one of ``query`` and ``file``."""

    connection: str | dict[str, Any] | None = None
    query: str | None = None
    file: str | None = None
    identifiers: dict[str, Any] | None = None
    statements: Literal["one", "many"] = "one"
    maxInline: int | str | None = None
    env: dict[str, Any] | None = None
    secrets: list[str] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> SqlFields:
        if (self.query is None) == (self.file is None):
            raise ValueError("a sql task needs exactly one of `query` and `file`")
        return self


TASK_TYPE = TaskType(
    name="sql",
    fields=SqlFields,
    outputs={"result": "dataframe", "row_count": "integer", "columns": "array", "first": "object"},
    on_interrupt="ask",
    no_templates={"query": _BOUND},
    summary="Runs a query; dataframes and files among its inputs appear as tables.",
)
