"""The store as tables, for whoever looks at it with SQL or takes it elsewhere. Nothing here can write to it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import chain, count
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
    "decisions": "SELECT * FROM decisions ORDER BY number",
}
"""What is exported: the projections that people ask for. The journal they come from is in the store's own file."""
JSON_COLUMNS = frozenset({"inputs", "outputs", "payload", "value", "body"})
REAL_COLUMNS = frozenset({"at", "created_at", "started_at", "finished_at"})
INTEGER_COLUMNS = frozenset({"number", "round", "attempts"})


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """The store, to be read alone; Ctrl-C ends also a query that runs long."""
    with closing(_connect(path)) as connection:
        connection.set_progress_handler(lambda: 0, 100_000)  # a handler lets signals in
        yield connection


def answer(path: Path, sql: str) -> list[dict[str, Any]]:
    """The rows that one statement gives; a second column of a name is ``name_2``. Raises ``sqlite3.Error`` (before Python 3.12
    ``sqlite3.Warning`` for several statements), ``ValueError`` for a statement that gives no rows."""
    # Not by sqlite-utils, which loads pandas when it is loaded: a person in a terminal would wait for it.
    with reading(path) as connection:
        # That the store is opened to be read does not keep ATTACH and VACUUM INTO, which attaches, from writing another file.
        connection.set_authorizer(lambda what, *_: sqlite3.SQLITE_DENY if what == sqlite3.SQLITE_ATTACH else sqlite3.SQLITE_OK)
        found = connection.execute(sql)
        if found.description is None:
            raise ValueError("this statement gives no rows")
        names: list[str] = []
        for (name, *_) in found.description:
            names.append(next(one for one in chain([name], (f"{name}_{n}" for n in count(2))) if one not in names))
        return [dict(zip(names, row)) for row in found]


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
    from sqlite_utils import Database

    with reading(path) as connection:
        yield from Database(connection).query(TABLES[table])


def columns(path: Path, table: str) -> list[str]:
    """The columns of one of ``TABLES``."""
    with reading(path) as connection:
        return [column[0] for column in connection.execute(f"SELECT * FROM ({TABLES[table]}) LIMIT 0").description]  # noqa: S608


def counts(path: Path) -> dict[str, int]:
    """How many rows each table of the store has."""
    names = answer(path, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
    return {name: answer(path, f'SELECT count(*) AS n FROM "{name}"')[0]["n"] for name in (row["name"] for row in names)}  # noqa: S608


def parsed(row: dict[str, Any]) -> dict[str, Any]:
    """A row whose JSON texts are JSON."""
    return {name: json.loads(value) if name in JSON_COLUMNS and value else value for name, value in row.items()}


def back_up(path: Path, target: Path) -> None:
    """A copy by SQLite's own backup: whole also while others write."""
    with closing(_connect(path)) as source:
        target.touch(mode=0o600)
        with closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
