"""The store as tables, for whoever looks at it with SQL or takes it elsewhere. Nothing here can write to it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from yamlflow_nb.infrastructure.store.refusals import damaged, refusal

TABLES = {
    "executions": "SELECT id, pipeline, version, status, reason, round, project, source_name, initiator, created_at, finished_at, "
    "parent_id, parent_node, "
    "inputs, outputs FROM executions JOIN given ON execution_id = id ORDER BY created_at",
    "nodes": "SELECT * FROM nodes",
    "events": "SELECT * FROM events",
    "variables": "SELECT * FROM variables",
    "published": "SELECT * FROM published ORDER BY kind, namespace, name, at",
}
"""What is exported: the projections that people ask for. The journal they come from is in the store's own file."""
JSON_COLUMNS = frozenset({"inputs", "outputs", "payload", "value"})
REAL_COLUMNS = frozenset({"at", "created_at", "started_at", "finished_at"})
INTEGER_COLUMNS = frozenset({"number", "round", "attempts"})


@contextmanager
def reading(path: Path) -> Iterator[Any]:
    """The store as a ``sqlite_utils.Database`` that can only be read; Ctrl-C ends also a query that runs long."""
    from sqlite_utils import Database

    with closing(_connect(path)) as connection:
        connection.set_progress_handler(lambda: 0, 100_000)  # a handler lets signals in
        yield Database(connection)


def _connect(path: Path) -> sqlite3.Connection:
    """Raises the errors of ``domain.store_error`` for a file that is no store."""
    address = f"file:{quote(str(path))}?mode=ro"
    connection = sqlite3.connect(address, uri=True)
    look = "SELECT version FROM store"
    try:
        try:
            connection.execute(look).fetchone()
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                raise damaged(path, "it has no table `store`") from error
            # Without rights on the folder SQLite cannot keep its shared memory there; the file is read as it lies.
            connection.close()
            connection = sqlite3.connect(f"{address}&immutable=1", uri=True)
            connection.execute(look).fetchone()
    except sqlite3.Error as error:
        connection.close()
        raise refusal(error, path) from error
    return connection


def rows(path: Path, table: str) -> Iterator[dict[str, Any]]:
    """The rows of one of ``TABLES``, as they come."""
    with reading(path) as database:
        yield from database.query(TABLES[table])


def columns(path: Path, table: str) -> list[str]:
    """The columns of one of ``TABLES``."""
    with reading(path) as database:
        return [column[0] for column in database.conn.execute(f"SELECT * FROM ({TABLES[table]}) LIMIT 0").description]  # noqa: S608


def counts(path: Path) -> dict[str, int]:
    """How many rows each table of the store has."""
    with reading(path) as database:
        return {name: database[name].count for name in sorted(database.table_names()) if not name.startswith("sqlite_")}


def parsed(row: dict[str, Any]) -> dict[str, Any]:
    """A row whose JSON texts are JSON."""
    return {name: json.loads(value) if name in JSON_COLUMNS and value else value for name, value in row.items()}


def back_up(path: Path, target: Path) -> None:
    """A copy by SQLite's own backup: whole also while others write."""
    with closing(_connect(path)) as source:
        target.touch(mode=0o600)
        with closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
