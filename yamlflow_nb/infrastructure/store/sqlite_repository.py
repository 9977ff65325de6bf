"""The store in one SQLite file: WAL, ``synchronous=FULL``, short IMMEDIATE transactions, one writer.

DEFERRED transactions that read and then write lose against each other at once whatever the timeout says; IMMEDIATE ones
queue (https://www.sqlite.org/lang_transaction.html).
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

from yamlflow_nb.domain.decision import StoredEvent
from yamlflow_nb.domain.event import Fact
from yamlflow_nb.domain.ports.repository import Commit, ExecutionRecord, NodeRecord
from yamlflow_nb.infrastructure.store.fact_codec import decode, encode
from yamlflow_nb.infrastructure.store.schema import PRAGMAS, TABLES, VERSION
from yamlflow_nb.infrastructure.store.typed_json import dumps, loads

_RECORD = tuple(field.name for field in fields(ExecutionRecord))
_NODE = tuple(field.name for field in fields(NodeRecord))
_JSON_OF_RECORD = ("inputs", "outputs")
_TERMINAL = frozenset({"completed", "failed", "cancelled"})


class StoreVersionError(RuntimeError):
    """The store was written by a later version."""


class SQLiteRepository:
    """``Repository`` on one file, made with its folder when it is not there (folder 0700, file 0600)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        for pragma in PRAGMAS:
            self._connection.execute(f"PRAGMA {pragma}")
        self._make_tables()
        self._next_fact: dict[str, int] = {}

    def _make_tables(self) -> None:
        with _Transaction(self._connection):
            for statement in TABLES.split(";\n"):
                if statement.strip():
                    self._connection.execute(statement)
            row = self._connection.execute("SELECT version FROM store").fetchone()
            if row is None:
                self._connection.execute("INSERT INTO store VALUES (?)", (VERSION,))
            elif row[0] > VERSION:
                raise StoreVersionError(
                    f"the store {self.path} was written by a later yamlflow_nb (schema {row[0]}); update this one"
                )

    def create(self, record: ExecutionRecord) -> None:
        """Write a new execution. Raises ``sqlite3.IntegrityError`` for an id that is there already."""
        values = [dumps(getattr(record, name)) if name in _JSON_OF_RECORD else getattr(record, name) for name in _RECORD]
        marks = ", ".join("?" * len(_RECORD))
        with self._lock, _Transaction(self._connection):
            self._connection.execute(f"INSERT INTO executions ({', '.join(_RECORD)}) VALUES ({marks})", values)  # noqa: S608

    def commit(self, commits: Sequence[Commit]) -> None:
        """Write turns in one transaction. What cannot be kept raises before anything is written."""
        rows = [_Rows(commit) for commit in commits]
        with self._lock:
            numbers = dict(self._next_fact)
            with _Transaction(self._connection):
                for prepared in rows:
                    self._write(prepared, numbers)
            self._next_fact = numbers

    def _write(self, rows: _Rows, numbers: dict[str, int]) -> None:
        run, commit, execute = self._connection.executemany, rows.commit, self._connection.execute
        key = commit.execution_id
        if key not in numbers:
            found = execute("SELECT coalesce(max(number), 0) FROM facts WHERE execution_id = ?", (key,)).fetchone()
            numbers[key] = found[0] + 1
        first = numbers[key]
        run(
            "INSERT INTO facts VALUES (?, ?, ?, ?, ?)",
            [(key, first + index, kind, at, body) for index, (kind, at, body) in enumerate(rows.facts)],
        )
        numbers[key] = first + len(rows.facts)
        run("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", rows.events)
        run("INSERT OR REPLACE INTO nodes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows.nodes)
        run("INSERT OR REPLACE INTO variables VALUES (?, ?, ?, ?)", rows.variables)
        finished = commit.at if commit.status in _TERMINAL else None
        execute(
            "UPDATE executions SET status = ?, reason = ?, round = ?, finished_at = ?, outputs = coalesce(?, outputs) WHERE id = ?",
            (commit.status, commit.reason, commit.round, finished, rows.outputs, key),
        )

    def execution(self, execution_id: str) -> ExecutionRecord | None:
        rows = self._rows(f"SELECT {', '.join(_RECORD)} FROM executions WHERE id = ?", execution_id)  # noqa: S608
        return _record(rows[0]) if rows else None

    def executions(self, project: str | None = None, limit: int = 50) -> list[ExecutionRecord]:
        """The newest first; of one project, or of all."""
        where, values = ("WHERE project = ?", (project,)) if project is not None else ("", ())
        query = f"SELECT {', '.join(_RECORD)} FROM executions {where} ORDER BY created_at DESC, rowid DESC LIMIT ?"  # noqa: S608
        return [_record(row) for row in self._rows(query, *values, limit)]

    def facts(self, execution_id: str) -> list[Fact]:
        """The journal, in order. Raises ``UnreadableFact``."""
        rows = self._rows("SELECT kind, body FROM facts WHERE execution_id = ? ORDER BY number", execution_id)
        return [decode(kind, body) for kind, body in rows]

    def events(self, execution_id: str, since: int = 0) -> list[StoredEvent]:
        """The events after number ``since``."""
        query = "SELECT number, at, type, source, payload, round FROM events WHERE execution_id = ? AND number > ? ORDER BY number"
        return [
            StoredEvent(number, at, kind, source, loads(payload), round_)
            for number, at, kind, source, payload, round_ in self._rows(query, execution_id, since)
        ]

    def nodes(self, execution_id: str) -> list[NodeRecord]:
        rows = self._rows(f"SELECT {', '.join(_NODE)} FROM nodes WHERE execution_id = ?", execution_id)  # noqa: S608
        return [NodeRecord(*row) for row in rows]

    def variables(self, execution_id: str) -> dict[str, Any]:
        """Every value under its whole name, ``scope.name``."""
        rows = self._rows("SELECT scope, name, value FROM variables WHERE execution_id = ? ORDER BY scope, name", execution_id)
        return {f"{scope}.{name}": loads(value) for scope, name, value in rows}

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _rows(self, query: str, *values: Any) -> list[Any]:
        with self._lock:
            return self._connection.execute(query, values).fetchall()


class _Transaction:
    """BEGIN IMMEDIATE ... COMMIT, rolled back on any error."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def __enter__(self) -> None:
        self.connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.connection.execute("COMMIT")
        elif self.connection.in_transaction:
            self.connection.execute("ROLLBACK")


class _Rows:
    """One turn as rows; made before the transaction, so that what cannot be kept is found before anything is written."""

    def __init__(self, commit: Commit) -> None:
        key = commit.execution_id
        self.commit = commit
        self.facts = [(kind, fact.at, body) for fact in commit.facts for kind, body in (encode(fact),)]
        self.events = [
            (key, event.number, event.at, event.type, event.source, dumps(event.payload), event.round) for event in commit.events
        ]
        self.nodes = [(key, *astuple(node)) for node in commit.nodes]
        self.variables = [(key, scope, name, dumps(value)) for scope, name, value in commit.variables]
        self.outputs = dumps(commit.outputs) if commit.outputs is not None else None


def _record(row: Sequence[Any]) -> ExecutionRecord:
    values = dict(zip(_RECORD, row))
    return ExecutionRecord(**{**values, **{name: loads(values[name]) for name in _JSON_OF_RECORD}})
