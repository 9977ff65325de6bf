"""The schema of the store, one step a version. All missing steps are one transaction; what was there before is kept beside it."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import closing

from yamlflow_nb.domain.store_error import StoreReadOnly, StoreVersionError
from yamlflow_nb.infrastructure.store.connection import Database

_FIRST = """
CREATE TABLE store (version INTEGER NOT NULL);
CREATE TABLE executions (
    id TEXT PRIMARY KEY, pipeline TEXT NOT NULL, version TEXT, definition_hash TEXT NOT NULL, definition TEXT NOT NULL,
    source_name TEXT NOT NULL, folder TEXT NOT NULL, project TEXT NOT NULL, inputs TEXT NOT NULL, status TEXT NOT NULL,
    reason TEXT, initiator TEXT NOT NULL, created_at REAL NOT NULL, finished_at REAL, round INTEGER NOT NULL, outputs TEXT NOT NULL
);
CREATE TABLE facts (
    execution_id TEXT NOT NULL, number INTEGER NOT NULL, kind TEXT NOT NULL, at REAL NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (execution_id, number)
) WITHOUT ROWID;
CREATE TABLE events (
    execution_id TEXT NOT NULL, number INTEGER NOT NULL, at REAL NOT NULL, type TEXT NOT NULL, source TEXT NOT NULL,
    payload TEXT NOT NULL, round INTEGER NOT NULL, PRIMARY KEY (execution_id, number)
) WITHOUT ROWID;
CREATE TABLE nodes (
    execution_id TEXT NOT NULL, node TEXT NOT NULL, state TEXT NOT NULL, reason TEXT, attempts INTEGER NOT NULL, started_at REAL,
    finished_at REAL, error TEXT, round INTEGER NOT NULL, PRIMARY KEY (execution_id, node)
) WITHOUT ROWID;
CREATE TABLE variables (
    execution_id TEXT NOT NULL, scope TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (execution_id, scope, name)
) WITHOUT ROWID;
"""
# What changes with every commit stands in one short row, together with the lease that guards it; a definition's text, which
# may be megabytes, is kept once however often it runs.
_LEASES = """
CREATE TABLE definitions (hash TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE given (execution_id TEXT PRIMARY KEY, inputs TEXT NOT NULL, outputs TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE executions_2 (
    id TEXT PRIMARY KEY, pipeline TEXT NOT NULL, version TEXT, definition_hash TEXT NOT NULL, text_hash TEXT NOT NULL,
    source_name TEXT NOT NULL, folder TEXT NOT NULL, project TEXT NOT NULL, initiator TEXT NOT NULL, created_at REAL NOT NULL,
    idempotency_key TEXT, status TEXT NOT NULL, reason TEXT, round INTEGER NOT NULL, finished_at REAL, facts INTEGER NOT NULL,
    owner TEXT, epoch INTEGER NOT NULL, expires_at REAL NOT NULL, ring TEXT
);
INSERT INTO definitions SELECT DISTINCT sha256(definition), definition FROM executions;
INSERT INTO given SELECT id, inputs, outputs FROM executions;
INSERT INTO executions_2
    SELECT id, pipeline, version, definition_hash, sha256(definition), source_name, folder, project, initiator, created_at, NULL,
        status, reason, round, finished_at, (SELECT count(*) FROM facts WHERE execution_id = id), NULL, 0, 0, NULL
    FROM executions ORDER BY rowid;
DROP TABLE executions;
ALTER TABLE executions_2 RENAME TO executions;
CREATE INDEX newest_of_project ON executions (project, created_at DESC);
CREATE UNIQUE INDEX started_under ON executions (idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX owned ON executions (owner) WHERE owner IS NOT NULL;
CREATE TABLE requests (
    id TEXT PRIMARY KEY, execution_id TEXT NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL, asked_by TEXT, at REAL NOT NULL,
    answer TEXT
);
CREATE INDEX open_requests ON requests (execution_id) WHERE answer IS NULL;
"""
# Decisions of people are only ever added; each row holds the hash of the one before it (see ``decisions``).
_DECISIONS = """
CREATE TABLE decisions (
    number INTEGER PRIMARY KEY, execution_id TEXT NOT NULL, node TEXT NOT NULL, attempt TEXT NOT NULL, request_id TEXT NOT NULL,
    at REAL NOT NULL, by TEXT NOT NULL, action TEXT NOT NULL, body TEXT NOT NULL, previous TEXT NOT NULL, hash TEXT NOT NULL,
    UNIQUE (execution_id, request_id), UNIQUE (execution_id, attempt, by)
);
CREATE TRIGGER decisions_stay BEFORE UPDATE ON decisions BEGIN SELECT RAISE(ABORT, 'decisions are only added'); END;
CREATE TRIGGER decisions_remain BEFORE DELETE ON decisions BEGIN SELECT RAISE(ABORT, 'decisions are only added'); END;
CREATE TABLE notices (
    id TEXT PRIMARY KEY, execution_id TEXT NOT NULL, notifier TEXT NOT NULL, kind TEXT NOT NULL, node TEXT, at REAL NOT NULL,
    body TEXT NOT NULL, state TEXT NOT NULL, tries INTEGER NOT NULL, next_at REAL NOT NULL, claimed_by TEXT, error TEXT,
    sent_at REAL
);
CREATE INDEX open_notices ON notices (next_at) WHERE state = 'due';
"""
_SET_ASIDE = """
CREATE TABLE set_aside (execution_id TEXT PRIMARY KEY, why TEXT NOT NULL) WITHOUT ROWID;
"""
# A child is an execution like any other that knows whose node it is; what was published only ever grows.
_CHILDREN = """
ALTER TABLE executions ADD COLUMN parent_id TEXT;
ALTER TABLE executions ADD COLUMN parent_node TEXT;
ALTER TABLE executions ADD COLUMN parent_attempt TEXT;
ALTER TABLE executions ADD COLUMN loads INTEGER NOT NULL DEFAULT 0;
CREATE INDEX children_of ON executions (parent_id) WHERE parent_id IS NOT NULL;
ALTER TABLE given ADD COLUMN pins TEXT NOT NULL DEFAULT '{}';
CREATE TABLE published (
    kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL, version TEXT NOT NULL, hash TEXT NOT NULL, text TEXT NOT NULL,
    source_name TEXT NOT NULL, folder TEXT NOT NULL, "by" TEXT NOT NULL, at REAL NOT NULL,
    PRIMARY KEY (kind, namespace, name, version)
);
"""

_PLACES = """
CREATE TABLE places (number INTEGER PRIMARY KEY, execution_id TEXT NOT NULL UNIQUE, key TEXT NOT NULL, taken INTEGER NOT NULL);
CREATE INDEX places_of ON places (key);
ALTER TABLE executions ADD COLUMN for_worker INTEGER NOT NULL DEFAULT 0;
CREATE INDEX for_workers ON executions (created_at) WHERE for_worker AND finished_at IS NULL;
"""


def _run(statements: str) -> Callable[[sqlite3.Connection], None]:
    def step(connection: sqlite3.Connection) -> None:
        for statement in statements.split(";\n"):
            if statement.strip():
                connection.execute(statement)

    return step


STEPS: dict[int, Callable[[sqlite3.Connection], None]] = {
    1: _run(_FIRST), 2: _run(_LEASES), 3: _run(_PLACES), 4: _run(_SET_ASIDE), 5: _run(_CHILDREN), 6: _run(_DECISIONS),
}  # fmt: skip
"""Version → what leads to it from the one before."""
VERSION = max(STEPS)


def migrate(database: Database) -> None:
    """Bring a store to this version. Raises ``StoreVersionError`` for one of a later version."""
    if stored_version(database.reader, database) == VERSION:
        return
    with database.writing() as connection:
        connection.create_function("sha256", 1, lambda text: hashlib.sha256(text.encode()).hexdigest(), deterministic=True)
        # Another process may have been faster: only inside the transaction the version is certain.
        found = stored_version(connection, database)
        if found == VERSION:
            return
        if found:
            _keep(database, found)
        for number in range(found + 1, VERSION + 1):
            STEPS[number](connection)
        connection.execute("DELETE FROM store")
        connection.execute("INSERT INTO store VALUES (?)", (VERSION,))


def check_version(database: Database) -> None:
    """For a store that can only be read: it must have this version already."""
    found = stored_version(database.reader, database)
    if found != VERSION:
        raise StoreReadOnly(f"the store {database.path} has schema {found} and cannot be brought to {VERSION}: it is read-only")


def stored_version(connection: sqlite3.Connection, database: Database) -> int:
    """The schema's version, 0 for an empty file. Raises ``StoreVersionError`` for one that is later than ours."""
    if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'store'").fetchone() is None:
        return 0
    row = connection.execute("SELECT version FROM store").fetchone()
    version = int(row[0]) if row is not None else 0
    if version > VERSION:
        raise StoreVersionError(
            f"the store {database.path} has schema {version}, this yamlflow_nb uses schema {VERSION}",
            "update yamlflow_nb, or name another store: --store PATH",
        )
    return version


def _keep(database: Database, version: int) -> None:
    """The store as it was, by SQLite's own backup: never a copy of the file, which may be in the middle of something."""
    target = database.path.with_name(f"{database.path.name}.schema{version}.bak")
    target.unlink(missing_ok=True)
    target.touch(mode=0o600)
    with closing(sqlite3.connect(target)) as backup:
        database.reader.backup(backup)
