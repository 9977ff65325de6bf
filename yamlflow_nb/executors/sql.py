"""``type: sql``: one query on DuckDB, in this process, or on any database that SQLAlchemy knows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

from pydantic import field_validator, model_validator

from yamlflow_nb.domain.made_of import MadeOf
from yamlflow_nb.domain.task_definition import TaskFields, TaskType
from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.executors.bound_sql import bound_sql, parameters_of, quoted_identifier, statements
from yamlflow_nb.executors.configured import ConfiguredExecutor
from yamlflow_nb.executors.declared import is_reference
from yamlflow_nb.executors.given_secrets import give_secrets
from yamlflow_nb.executors.ladder import climb
from yamlflow_nb.executors.only_reads import only_reads
from yamlflow_nb.executors.query_result import QueryResult, inline_bytes, outputs_of, selected
from yamlflow_nb.executors.source_file import source_text

if TYPE_CHECKING:
    from collections.abc import Iterator

_ASKED_AGAIN = 2
"""Times that a query which only reads is asked again after its connection was lost."""
_BOUND = "values go in as bind parameters: write `:name` in the query and bind it by inputBindings"


class SqlFields(TaskFields):
    """Fields of a ``sql`` task: exactly one of ``query`` and ``file``. ``identifiers`` are written ``{name}`` in the query. Up to
    ``maxInline`` rows (or ``"64KiB"``) are output by value, too, as ``rows``."""

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

    @field_validator("identifiers")
    @classmethod
    def _allowed(cls, identifiers: dict[str, Any] | None) -> dict[str, Any] | None:
        """A name that the run decides is one of a list; one that is written down here needs none."""
        for name, given in (identifiers or {}).items():
            if isinstance(given, str):
                if "{{" in given:
                    raise ValueError(f"`{name}` needs a list of what it may be: {{value: {given!r}, allow: [...]}}")
            elif not isinstance(given, dict) or set(given) != {"value", "allow"} or not isinstance(given["allow"], list):
                raise ValueError(f"`{name}` is a name, or {{value: ..., allow: [...]}}")
        return identifiers

    @field_validator("maxInline")
    @classmethod
    def _size(cls, most: int | str | None) -> int | str | None:
        if isinstance(most, str) and "{{" not in most:
            inline_bytes(most)
        return most


TASK_TYPE = TaskType(
    name="sql",
    fields=SqlFields,
    outputs={"result": "dataframe", "row_count": "integer", "columns": "array", "first": "object", "rows": "array"},
    on_interrupt="ask",
    repeatable=only_reads,
    no_templates={"query": _BOUND},
    parameters=("query", parameters_of),
    summary="Runs a query; dataframes and files among its inputs appear as tables.",
)


class SQLExecutor(ConfiguredExecutor):
    """Runs a query: on DuckDB in this process (``connection`` left out or ``duckdb``), else through SQLAlchemy."""

    task_type = TASK_TYPE

    def execute(self, work: Work) -> Mapping[str, Any]:
        """Run it and give ``result row_count columns first``. Raises ``TaskFailed``."""
        give_secrets(work, self.settings)
        text = _query(work)
        scalars = {name: value for name, value in work.inputs.items() if not _is_table(value)}
        connection = work.fields.get("connection") or "duckdb"
        try:
            if connection == "duckdb":
                result = self._on_duckdb(text, scalars, work)
            else:
                result = self._asked(connection, text, scalars, work)
        except TaskFailed:
            raise
        except Exception as error:
            if work.stopped():
                raise TaskFailed("Stopped", "the query was stopped") from None
            from yamlflow_nb.executors.database import told

            raise TaskFailed(type(error).__name__, told(error)) from None
        return outputs_of(result, work.fields.get("maxInline"))

    def made_of(self, work: Work) -> MadeOf:
        """The query and the files that it names. What lies in a database behind a connection is not seen: ``ttl`` and ``key`` are
        for that. Raises ``NotKnown``, ``TaskFailed``."""
        from yamlflow_nb.executors.sql_text import look_at_query, same_query

        made = MadeOf()
        text = _query(work)
        made.parts["query" if work.fields.get("query") is not None else f"file {work.fields['file']}"] = same_query(text)
        look_at_query(text, work.folder, made)
        return made

    def _on_duckdb(self, text: str, scalars: Mapping[str, Any], work: Work) -> QueryResult:
        import duckdb

        query, values = bound_sql(text, scalars, _identifiers(work, quoted_identifier), "$")
        with duckdb.connect() as database, _stoppable(work, database.interrupt):
            # Files that a query names lie beside the pipeline.
            database.execute(f"SET file_search_path = {_quoted(str(work.folder))}")
            for name, value in work.inputs.items():
                if is_reference(value):
                    database.execute(f"CREATE VIEW {quoted_identifier(name)} AS SELECT * FROM {_source(value)}")  # noqa: S608
                elif _is_table(value):
                    database.register(name, value)
            count = len(database.extract_statements(query))
            _counted(count, work)
            if count == 1:
                return selected(_one(database, query, values))
            return QueryResult(database.execute(query, values or None).df())

    def _asked(self, connection: Any, text: str, scalars: Mapping[str, Any], work: Work) -> QueryResult:
        """What a database answers. When the connection is lost meanwhile, what only reads is asked again, up to twice; of
        anything else nobody knows whether it took effect, so it is not sent again by itself."""
        from yamlflow_nb.executors.database import is_lost, told

        for asked in range(_ASKED_AGAIN, -1, -1):
            try:
                return self._on_database(connection, text, scalars, work)
            except Exception as error:
                if not is_lost(error) or work.stopped():
                    raise
                if not only_reads({**work.fields, "query": text}):
                    lost = f"the connection to the database was lost: {told(error)}"
                    unknown = "whether the statement took effect is not known, and it was not sent again"
                    raise TaskFailed("ConnectionLost", f"{lost}; {unknown}") from None
                if not asked:
                    raise
                work.note("the connection to the database was lost; the query only reads, and is asked again")
        raise AssertionError("every way out of the loop returns or raises")

    def _on_database(self, connection: Any, text: str, scalars: Mapping[str, Any], work: Work) -> QueryResult:
        import pandas as pd
        import sqlalchemy

        from yamlflow_nb.executors.database import opened_database

        database = opened_database(connection, work, self.settings)
        try:
            quote = database.dialect.identifier_preparer.quote_identifier
            query, values = bound_sql(text, scalars, _identifiers(work, quote), ":")
            parts = statements(query)
            _counted(len(parts), work)
            result = QueryResult(pd.DataFrame())
            with database.begin() as opened, _stoppable(work, lambda: _cancel(opened)):
                for part in parts:
                    rows = opened.execute(sqlalchemy.text(part), {name: values[name] for name in values if f":{name}" in part})
                    if rows.returns_rows:
                        result = QueryResult(pd.DataFrame(rows.fetchall(), columns=list(rows.keys())))
                    else:
                        result = QueryResult(pd.DataFrame(), changed=max(rows.rowcount, 0))
            return result
        finally:
            database.dispose()


def _query(work: Work) -> str:
    """The text of the query. Raises ``TaskFailed``."""
    text = work.fields.get("query")
    if text is None:
        _, text = source_text(work, str(work.fields["file"]), "the query's file")
        if "{{" in text:
            raise TaskFailed("TemplateInSQL", f"`{work.fields['file']}` holds {{{{ }}}}: {_BOUND}")
    return str(text)


def _one(database: Any, query: str, values: dict[str, Any]) -> Any:
    import duckdb

    try:
        return database.sql(query, params=values) if values else database.sql(query)
    except (duckdb.BinderException, duckdb.CatalogException):
        # Nothing has run yet; asked in the other way, the database draws the line and a caret.
        database.execute(query, values or None)
        raise


def _counted(count: int, work: Work) -> None:
    if count == 0:
        raise TaskFailed("NoStatement", "the query holds no statement")
    if count > 1 and work.fields.get("statements") != "many":
        raise TaskFailed("ManyStatements", "the query holds several statements; write `statements: many` to run them all")


@contextmanager
def _stoppable(work: Work, interrupt: Callable[[], object]) -> Iterator[None]:
    """While the block runs, a stop of the attempt interrupts its statement where the database works, not only here."""
    done = threading.Event()

    def stop() -> None:
        if not climb([("interrupt", interrupt), ("interrupt again", interrupt)], done.wait, work.log):
            work.note(f"`{work.attempt.node}` could not be stopped: its database does not answer; what it gives counts no more")

    take_back = work.on_stop(stop)
    try:
        yield
    finally:
        done.set()
        take_back()


def _cancel(connection: Any) -> None:
    """Cancel what a connection is doing: by the driver's own means where it has one."""
    raw = connection.connection.dbapi_connection
    for name in ("interrupt", "cancel"):
        if hasattr(raw, name):
            getattr(raw, name)()
            return
    connection.invalidate()


def _identifiers(work: Work, quote: Callable[[str], str]) -> dict[str, str]:
    """Each ``{name}`` and what is written for it: one of the allowed names, quoted; ``schema.table`` part by part."""
    written = {}
    for name, given in (work.fields.get("identifiers") or {}).items():
        value, allowed = (given.get("value"), given.get("allow")) if isinstance(given, Mapping) else (given, None)
        if not isinstance(value, str) or (allowed is not None and value not in allowed):
            raise TaskFailed("IdentifierNotAllowed", f"`{{{name}}}` is {value!r}, which is none of {', '.join(allowed or ())}")
        written[name] = ".".join(quote(part) for part in value.split("."))
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
