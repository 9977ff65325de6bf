"""What is old and wanted no more is removed: executions that have ended, and objects that nothing refers to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from yamlflow_nb.infrastructure.store.connection import Database

_DIGEST = re.compile(r"[0-9a-f]{64}")
_OLD = """SELECT id FROM executions WHERE finished_at IS NOT NULL AND finished_at < ? AND id NOT IN (
    SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY project, pipeline ORDER BY created_at DESC) AS age FROM executions)
    WHERE age <= ?)"""
_KEPT_AS_EVIDENCE = frozenset({"decisions"})
"""Tables whose rows nobody removes: who approved what is asked for when the run is long gone."""


def old_executions(database: Database, before: float, keep_last: int) -> list[str]:
    """Those that ended before a time, but of each pipeline of a project not the newest so many."""
    return [name for (name,) in database.rows(_OLD, before, keep_last)]


def remove_executions(database: Database, names: Sequence[str]) -> None:
    """Remove executions with all that belongs to them, in one transaction. One that runs again by now stays."""
    with database.writing() as connection:
        ended = [
            name
            for name in names
            if connection.execute("SELECT 1 FROM executions WHERE id = ? AND finished_at IS NOT NULL", (name,)).fetchone()
        ]
        for table in _tables_of_executions(database):
            connection.executemany(f"DELETE FROM {table} WHERE execution_id = ?", [(name,) for name in ended])  # noqa: S608
        connection.executemany("DELETE FROM executions WHERE id = ?", [(name,) for name in ended])
        connection.execute("DELETE FROM definitions WHERE hash NOT IN (SELECT text_hash FROM executions)")


def _tables_of_executions(database: Database) -> Iterable[str]:
    """Every table that has rows of executions, whichever version brought it."""
    for (table,) in database.rows("SELECT name FROM sqlite_schema WHERE type = 'table'"):
        columns = {row[1] for row in database.rows(f'PRAGMA table_info("{table}")')}
        if "execution_id" in columns and table not in _KEPT_AS_EVIDENCE:
            yield f'"{table}"'


def referred(database: Database, without: Iterable[str] = ()) -> set[str]:
    """Every SHA-256 that stands anywhere in the store, but for what only these executions say: an object of this name is wanted."""
    found: set[str] = set()
    gone = frozenset(without)
    for (table,) in database.rows("SELECT name FROM sqlite_schema WHERE type = 'table'"):
        columns = {row[1]: str(row[2]).upper() for row in database.rows(f'PRAGMA table_info("{table}")')}
        owner = "execution_id" if "execution_id" in columns else "NULL"
        for column in [name for name, kind in columns.items() if kind in ("TEXT", "")]:
            # The names are those of our own schema.
            query = f'SELECT {owner}, "{column}" FROM "{table}" WHERE length("{column}") >= 64'  # noqa: S608
            for execution_id, text in database.rows(query):
                if execution_id not in gone:
                    found.update(_DIGEST.findall(str(text)))
    return found


def executions_there(database: Database) -> set[str]:
    """The ids of all executions."""
    return {name for (name,) in database.rows("SELECT id FROM executions")}
