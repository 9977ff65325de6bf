"""``type: sql``: one query on DuckDB, in this process, or on any database that SQLAlchemy knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from pydantic import model_validator

from yamlflow_nb.domain.ports.artifact_store import ArtifactStore
from yamlflow_nb.domain.task_definition import TaskFields, TaskType
from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.executors.bound_sql import bound_sql, only_reads, parameters_of, quoted_identifier
from yamlflow_nb.executors.declared import is_reference, text_of

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
    repeatable=lambda fields: isinstance(fields.get("query"), str) and only_reads(fields["query"]),
    no_templates={"query": _BOUND},
    parameters=("query", parameters_of),
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
        text = fields.get("query")
        if text is None:
            text = text_of(work.folder / str(fields["file"]), "the query's file")
        scalars = {name: value for name, value in work.inputs.items() if not _is_table(value)}
        connection = fields.get("connection") or "duckdb"
        try:
            if connection == "duckdb":
                result = self._on_duckdb(text, scalars, work)
            else:
                result = self._on_database(connection, text, scalars, work)
        except TaskFailed:
            raise
        except Exception as error:
            raise TaskFailed(type(error).__name__, str(getattr(error, "orig", None) or error).strip()) from error
        return _outputs(result)

    def _on_duckdb(self, text: str, scalars: Mapping[str, Any], work: Work) -> _Result:
        import duckdb

        query, values = bound_sql(text, scalars, _identifiers(work, '"'), "$")
        with duckdb.connect() as database:
            # Files that a query names lie beside the pipeline.
            database.execute(f"SET file_search_path = {_quoted(str(work.folder))}")
            for name, value in work.inputs.items():
                if is_reference(value):
                    database.execute(f"CREATE VIEW {quoted_identifier(name)} AS SELECT * FROM {_source(value)}")  # noqa: S608
                elif _is_table(value):
                    database.register(name, value)
            count = len(database.extract_statements(query))
            if count == 0:
                raise TaskFailed("NoStatement", "the query holds no statement")
            if count == 1:
                return _selected(_one(database, query, values))
            if work.fields.get("statements") != "many":
                raise TaskFailed("ManyStatements", "the query holds several statements; write `statements: many` to run them all")
            return _Result(database.execute(query, values or None).df())

    def _on_database(self, connection: Any, text: str, scalars: Mapping[str, Any], work: Work) -> _Result:
        import pandas as pd
        import sqlalchemy

        database = _engine(connection, work)
        try:
            quote = database.dialect.identifier_preparer.initial_quote
            query, values = bound_sql(text, scalars, _identifiers(work, quote), ":")
            with database.begin() as open_connection:
                result = open_connection.execute(sqlalchemy.text(query), values)
                if not result.returns_rows:
                    return _Result(pd.DataFrame())
                return _Result(pd.DataFrame(result.fetchall(), columns=list(result.keys())))
        finally:
            database.dispose()


def _one(database: Any, query: str, values: dict[str, Any]) -> Any:
    import duckdb

    try:
        return database.sql(query, params=values) if values else database.sql(query)
    except (duckdb.BinderException, duckdb.CatalogException):
        # Nothing has run yet; asked in the other way, the database draws the line and a caret.
        database.execute(query, values or None)
        raise


class _Result(NamedTuple):
    frame: Any
    dates: frozenset[str] = frozenset()
    """Columns of days, which pandas keeps as moments."""


def _selected(relation: Any) -> _Result:
    """The rows of one statement; none of one that gives none. The sum of integers is a HUGEINT, which would become a float and
    lose digits: it becomes an integer where it fits into one."""
    import duckdb
    import pandas as pd

    if relation is None:
        return _Result(pd.DataFrame())
    kinds = [str(kind) for kind in relation.types]
    names = [quoted_identifier(name) for name in relation.columns]
    dates = frozenset(name for name, kind in zip(relation.columns, kinds) if kind == "DATE")
    if "HUGEINT" in kinds and len(set(names)) == len(names):
        written = (f"CAST({name} AS BIGINT) AS {name}" if kind == "HUGEINT" else name for name, kind in zip(names, kinds))
        try:
            return _Result(relation.project(", ".join(written)).df(), dates)
        except duckdb.ConversionException:
            pass
    return _Result(relation.df(), dates)


_DRIVERS = {"postgresql": ("postgresql+psycopg", "postgres"), "postgres": ("postgresql+psycopg", "postgres")}
"""What a URL without a driver means, and the extra that brings it."""


def _engine(connection: Any, work: Work) -> Any:
    """The database behind an SQLAlchemy URL, or ``{url, user, password}``. Raises ``TaskFailed`` when it cannot be spoken to."""
    import sqlalchemy
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    given = connection if isinstance(connection, Mapping) else {"url": connection}
    try:
        url = sqlalchemy.make_url(given["url"])
    except (ArgumentError, KeyError):
        told = "`connection` is neither a URL, such as sqlite:///file.db, nor {url, user, password}"
        raise TaskFailed("ConnectionError", told) from None
    url = url.set(username=given.get("user", url.username), password=given.get("password", url.password))
    driver, extra = _DRIVERS.get(url.drivername, (url.drivername, ""))
    url = url.set(drivername=driver)
    if url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:" and not url.database.startswith("file:"):
        url = url.set(database=str(work.folder / url.database))
    try:
        return sqlalchemy.create_engine(url)
    except NoSuchModuleError:
        raise TaskFailed("ConnectionError", f"SQLAlchemy knows no database `{url.drivername}`") from None
    except ModuleNotFoundError as error:
        brings = f'pip install "yamlflow_nb[{extra}]"' if extra else f"pip install {error.name}"
        raise TaskFailed("ModuleNotFoundError", f"`{url.drivername}` needs the package {error.name}: {brings}") from None


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
    return f"{reader}({_quoted(str(reference['path']))})"


def _quoted(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"


def _outputs(result: _Result) -> dict[str, Any]:
    frame = result.frame
    outputs: dict[str, Any] = {"result": frame, "row_count": len(frame), "columns": [str(name) for name in frame.columns]}
    if len(frame):
        row = {str(name): _plain(frame[name].iloc[0]) for name in frame.columns}
        days = {name: value.date() for name, value in row.items() if name in result.dates and value is not None}
        outputs["first"] = row | days
    return outputs


def _plain(value: Any) -> Any:
    """A cell as a plain value: missing ones are null, numpy's values Python's, timestamps datetimes, and what has no plain form
    (an interval, a time of day) the text that the database shows. One odd column must not fail a query that went well."""
    import datetime as dt

    import pandas as pd

    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value):
        return None
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    if isinstance(value, (pd.Timedelta, dt.timedelta, dt.time)):
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if type(value).__module__ == "numpy" and hasattr(value, "tolist"):
        value = value.tolist()
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value
