"""``Repository`` in one SQLite file: turns are written, executions looked at."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from yamlflow_nb.domain.decision import StoredEvent
from yamlflow_nb.domain.event import Fact
from yamlflow_nb.domain.ports.leases import TERMINAL_STATUS
from yamlflow_nb.domain.ports.repository import Commit, ExecutionRecord, NodeRecord
from yamlflow_nb.domain.store_error import KeyTaken, OwnershipLost, StoreError, UnreadableRecord
from yamlflow_nb.domain.typed_json import loads
from yamlflow_nb.domain.uncollected import uncollected
from yamlflow_nb.infrastructure.crash_points import crash_point
from yamlflow_nb.infrastructure.process_identity import elapsed
from yamlflow_nb.infrastructure.store.connection import Database
from yamlflow_nb.infrastructure.store.decisions import chain
from yamlflow_nb.infrastructure.store.fact_codec import decode
from yamlflow_nb.infrastructure.store.migrations import check_version, migrate
from yamlflow_nb.infrastructure.store.rows import COLUMNS, EXECUTION, Rows, execution_record
from yamlflow_nb.infrastructure.store.sqlite_catalogue import SQLiteCatalogue
from yamlflow_nb.infrastructure.store.sqlite_leases import SQLiteLeases
from yamlflow_nb.infrastructure.store.sqlite_notices import SQLiteNotices, write_notices
from yamlflow_nb.infrastructure.store.sqlite_places import SQLitePlaces
from yamlflow_nb.infrastructure.store.sqlite_requests import SQLiteRequests

_READ = f"SELECT {COLUMNS} FROM executions JOIN definitions ON hash = text_hash JOIN given ON execution_id = id"  # noqa: S608
_STAND = (
    "UPDATE executions SET status = ?, reason = ?, round = ?, finished_at = ?, loads = 0, facts = ? "
    "WHERE id = ? AND epoch = ? AND facts = ?"
)
_END = _STAND.replace("facts = ? WHERE", "facts = ?, owner = NULL, expires_at = 0, ring = NULL WHERE")


class SQLiteRepository(SQLiteLeases, SQLitePlaces, SQLiteRequests, SQLiteCatalogue, SQLiteNotices):
    """Made with its folder when it is not there (folder 0700, file 0600). ``clock`` is the one by which leases expire: seconds
    since the machine began, which all of its processes share, and which nobody sets.

    Raises, here as everywhere, the errors of ``domain.store_error``.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = elapsed) -> None:
        self.path = path
        self.now = clock
        self.database = Database(path, migrate, check_version)

    # --- turns -------------------------------------------------------------------------------------------------------

    def commit(self, commits: Sequence[Commit]) -> None:
        """Write turns in one transaction. What cannot be kept raises before anything is written."""
        rows = _prepared(commits)
        self.database.checkpoint_here()
        crash_point("before-commit")
        with self.database.writing(lambda: crash_point("in-commit")) as connection:
            for prepared in rows:
                if prepared.commit.created is not None:
                    self._create(connection, prepared.commit)
                if self._advance(connection, prepared.commit):
                    _write(connection, prepared)
        crash_point("after-commit")

    def _create(self, connection: sqlite3.Connection, commit: Commit) -> None:
        """A new execution's row; made a second time, after an answer that was lost, it stays as it is."""
        record = commit.created
        assert record is not None
        query = "SELECT 1 FROM executions WHERE id = ? AND epoch = ? AND created_at = ? AND facts > 0"
        if connection.execute(query, (record.id, commit.epoch, record.created_at)).fetchone() is not None:
            return
        try:
            for statement, values in EXECUTION.insertions(record, commit.epoch):
                connection.execute(statement, values)
        except sqlite3.IntegrityError as error:
            if record.idempotency_key is not None and self.started_under(record.idempotency_key) not in (None, record.id):
                raise KeyTaken(f"another execution was started under {record.idempotency_key!r}") from error
            raise StoreError(f"there is an execution `{record.id}` already") from error
        crash_point("execution-created")

    @staticmethod
    def _advance(connection: sqlite3.Connection, commit: Commit) -> bool:
        """Move on the row that epoch and facts guard; False where this very commit was written before."""
        before, after = commit.first - 1, commit.first - 1 + len(commit.facts)
        ended = commit.status in TERMINAL_STATUS
        values = (commit.status, commit.reason, commit.round, commit.at if ended else None, after)
        key = commit.execution_id
        if connection.execute(_END if ended else _STAND, (*values, key, commit.epoch, before)).rowcount == 1:
            return True
        found = connection.execute("SELECT epoch, facts FROM executions WHERE id = ?", (key,)).fetchone()
        if found is None or found[0] != commit.epoch:
            raise OwnershipLost({key})
        if found[1] >= after:
            return False
        raise StoreError(f"`{key}`: fact {commit.first} does not follow fact {found[1]}")

    # --- looking -----------------------------------------------------------------------------------------------------

    def execution(self, execution_id: str) -> ExecutionRecord | None:
        rows = self.database.rows(f"{_READ} WHERE id = ?", execution_id)
        return execution_record(rows[0]) if rows else None

    def executions(self, project: str | None = None, limit: int = 50, *, with_children: bool = False) -> list[ExecutionRecord]:
        """The newest first; of one project, or of all."""
        where = ["project = ?"] if project is not None else []
        where += [] if with_children else ["parent_id IS NULL"]
        query = f"{_READ} {'WHERE ' if where else ''}{' AND '.join(where)} ORDER BY created_at DESC, executions.rowid DESC LIMIT ?"
        values = (project, limit) if project is not None else (limit,)
        return [execution_record(row) for row in self.database.rows(query, *values)]

    def children(self, parent_id: str) -> list[ExecutionRecord]:
        query = f"{_READ} WHERE parent_id = ? ORDER BY created_at, executions.rowid"
        return [execution_record(row) for row in self.database.rows(query, parent_id)]

    def for_workers(self) -> list[ExecutionRecord]:
        query = f"{_READ} WHERE for_worker AND finished_at IS NULL ORDER BY created_at"
        return [execution_record(row) for row in self.database.rows(query)]

    def started_under(self, idempotency_key: str) -> str | None:
        rows = self.database.rows("SELECT id FROM executions WHERE idempotency_key = ?", idempotency_key)
        return str(rows[0][0]) if rows else None

    def facts(self, execution_id: str, since: int = 0) -> list[Fact]:
        """The journal after a fact. Raises ``UnreadableRecord``, also where a number is missing."""
        query = "SELECT number, kind, body FROM facts WHERE execution_id = ? AND number > ? ORDER BY number"
        found: list[Fact] = []
        for number, kind, body in self.database.rows(query, execution_id, since):
            if number != since + len(found) + 1:
                raise UnreadableRecord(f"`{execution_id}`: fact {since + len(found) + 1} is missing")
            try:
                found.append(decode(kind, body))
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                raise UnreadableRecord(f"`{execution_id}`: fact {number} ({kind}) cannot be read: {error}") from error
        return found

    def events(self, execution_id: str, since: int = 0) -> list[StoredEvent]:
        """The events after number ``since``."""
        query = "SELECT number, at, type, source, payload, round FROM events WHERE execution_id = ? AND number > ? ORDER BY number"
        return [
            StoredEvent(number, at, kind, source, loads(payload), round_)
            for number, at, kind, source, payload, round_ in self.database.rows(query, execution_id, since)
        ]

    def nodes(self, execution_id: str) -> list[NodeRecord]:
        query = "SELECT node, state, reason, attempts, started_at, finished_at, error, round FROM nodes WHERE execution_id = ?"
        return [NodeRecord(*row) for row in self.database.rows(query, execution_id)]

    def variables(self, execution_id: str) -> dict[str, Any]:
        """Every value under its whole name, ``scope.name``."""
        query = "SELECT scope, name, value FROM variables WHERE execution_id = ? ORDER BY scope, name"
        return {f"{scope}.{name}": loads(value) for scope, name, value in self.database.rows(query, execution_id)}

    def close(self) -> None:
        self.database.close()


@uncollected
def _prepared(commits: Sequence[Commit]) -> list[Rows]:
    return [Rows(commit) for commit in commits]


_AT_ONCE = 64
"""Rows of one statement. Each statement lets other threads run Python, and may have to wait until they let go again; and a row
of many costs half of what it costs alone."""


def _write(connection: sqlite3.Connection, rows: Rows) -> None:
    """The rows of one turn. A row that is there already is a fault, never overwritten: facts and events only grow."""
    for into, columns, values in (
        ("INSERT INTO facts", 5, rows.facts),
        ("INSERT INTO events", 7, rows.events),
        ("INSERT OR REPLACE INTO nodes", 9, rows.nodes),
        ("INSERT OR REPLACE INTO variables", 4, rows.variables),
    ):
        for start in range(0, len(values), _AT_ONCE * columns):
            part = values[start : start + _AT_ONCE * columns]
            connection.execute(_insertion(into, columns, len(part) // columns), part)
    if rows.dropped:
        connection.executemany("DELETE FROM variables WHERE execution_id = ? AND scope = ? AND name = ?", rows.dropped)
    if rows.answers:
        connection.executemany("UPDATE requests SET answer = ? WHERE id = ? AND answer IS NULL", rows.answers)
    if rows.notices:
        write_notices(connection, rows.notices)
    for fact, body in rows.decisions:
        chain(connection, rows.commit.execution_id, fact, body)
    if rows.outputs is not None:
        connection.execute("UPDATE given SET outputs = ? WHERE execution_id = ?", (rows.outputs, rows.commit.execution_id))


@cache
def _insertion(into: str, columns: int, rows: int) -> str:
    row = f"({', '.join('?' * columns)})"
    return f"{into} VALUES {', '.join([row] * rows)}"
