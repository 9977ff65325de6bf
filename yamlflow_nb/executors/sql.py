"""``type: sql``: one query on DuckDB, in this process, or on any database that SQLAlchemy knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import model_validator

from yamlflow_nb.domain.ports.artifact_store import ArtifactStore
from yamlflow_nb.domain.task_definition import TaskFields, TaskType
from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.executors.bound_sql import bound_sql, quoted_identifier
from yamlflow_nb.executors.declared import is_reference
from yamlflow_nb.executors.only_reads import only_reads

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
    harmless=only_reads,
    no_templates={"query": _BOUND},
    summary="Runs a query; dataframes and files among its inputs appear as tables.",
)


class SQLExecutor:
    """Runs a query: on DuckDB in this process (``connection`` left out or ``duckdb``), else through SQLAlchemy."""

    api = 1
    task_type = TASK_TYPE

    def __init__(self, artifacts: ArtifactStore) -> None:
        self.artifacts = artifacts

    def execute(self, work: Work) -> Mapping[str, Any]:
        """Run it and give ``result row_count columns first``. Raises ``TaskFailed``."""
        fields = work.fields
        text = fields.get("query") or _read(work)
        scalars = {name: value for name, value in work.inputs.items() if not _is_table(value)}
        connection = fields.get("connection") or "duckdb"
        try:
            if connection == "duckdb":
                frame = self._on_duckdb(text, scalars, work)
            else:
                frame = self._on_database(connection, text, scalars, work)
        except TaskFailed:
            raise
        except Exception as error:
            raise TaskFailed(type(error).__name__, str(getattr(error, "orig", None) or error).strip()) from error
        return _outputs(frame)

    def _on_duckdb(self, text: str, scalars: Mapping[str, Any], work: Work) -> Any:
        import duckdb

        query, values = bound_sql(text, scalars, _identifiers(work, '"'), "$")
        with duckdb.connect() as database:
            for name, value in work.inputs.items():
                if is_reference(value):
                    database.execute(f"CREATE VIEW {quoted_identifier(name)} AS SELECT * FROM {_source(value)}")  # noqa: S608
                elif _is_table(value):
                    database.register(name, value)
            if work.fields.get("statements") != "many" and len(database.extract_statements(query)) > 1:
                raise TaskFailed("ManyStatements", "the query holds several statements; write `statements: many` to run them all")
            return database.execute(query, values or None).df()

    def _on_database(self, connection: Any, text: str, scalars: Mapping[str, Any], work: Work) -> Any:
        import pandas as pd
        import sqlalchemy

        url = sqlalchemy.make_url(connection["url"] if isinstance(connection, Mapping) else connection)
        if isinstance(connection, Mapping):
            url = url.set(username=connection.get("user", url.username), password=connection.get("password", url.password))
        database = sqlalchemy.create_engine(url)
        try:
            quote = database.dialect.identifier_preparer.initial_quote
            query, values = bound_sql(text, scalars, _identifiers(work, quote), ":")
            with database.begin() as open_connection:
                result = open_connection.execute(sqlalchemy.text(query), values)
                if not result.returns_rows:
                    return pd.DataFrame()
                return pd.DataFrame(result.fetchall(), columns=list(result.keys()))
        finally:
            database.dispose()


def _read(work: Work) -> str:
    path = work.folder / str(work.fields["file"])
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise TaskFailed("FileNotFoundError", f"the query's file {path} cannot be read: {error.strerror}") from None


def _identifiers(work: Work, quote: str) -> dict[str, str]:
    """Each ``{name}`` and what is written for it: one of the allowed names, quoted."""
    written = {}
    for name, given in (work.fields.get("identifiers") or {}).items():
        value, allowed = (given.get("value"), given.get("allow")) if isinstance(given, Mapping) else (given, None)
        if not isinstance(value, str) or (allowed is not None and value not in allowed):
            raise TaskFailed("IdentifierNotAllowed", f"`{{{name}}}` is {value!r}, which is none of {', '.join(allowed or ())}")
        written[name] = quoted_identifier(value, quote)
    return written


def _is_table(value: Any) -> bool:
    return is_reference(value) or type(value).__name__ in ("DataFrame", "Table")


def _source(reference: Mapping[str, Any]) -> str:
    """The table function that reads a kept file where it lies."""
    readers = {"parquet": "read_parquet", "csv": "read_csv_auto", "json": "read_json_auto"}
    reader = readers.get(str(reference.get("format")), "read_parquet")
    return reader + "('" + str(reference["path"]).replace("'", "''") + "')"


def _outputs(frame: Any) -> dict[str, Any]:
    outputs: dict[str, Any] = {"result": frame, "row_count": len(frame), "columns": [str(name) for name in frame.columns]}
    if len(frame):
        outputs["first"] = {str(name): _plain(frame[name].iloc[0]) for name in frame.columns}
    return outputs


def _plain(value: Any) -> Any:
    """A cell as a plain value: missing ones are null, numpy's numbers Python's, timestamps datetimes."""
    import pandas as pd

    if value is None or value is pd.NaT or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    return value.tolist() if type(value).__module__ == "numpy" else value
