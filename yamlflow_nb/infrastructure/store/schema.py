"""The tables of the store."""

from __future__ import annotations

VERSION = 1
PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=30000", "foreign_keys=ON")
TABLES = """
CREATE TABLE IF NOT EXISTS store (version INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS executions (
    id TEXT PRIMARY KEY, pipeline TEXT NOT NULL, version TEXT, definition_hash TEXT NOT NULL, definition TEXT NOT NULL,
    source_name TEXT NOT NULL, folder TEXT NOT NULL, project TEXT NOT NULL, inputs TEXT NOT NULL, status TEXT NOT NULL,
    reason TEXT, initiator TEXT NOT NULL, created_at REAL NOT NULL, finished_at REAL, round INTEGER NOT NULL, outputs TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS newest_of_project ON executions (project, created_at DESC);
CREATE TABLE IF NOT EXISTS facts (
    execution_id TEXT NOT NULL REFERENCES executions (id), number INTEGER NOT NULL, kind TEXT NOT NULL, at REAL NOT NULL,
    body TEXT NOT NULL, PRIMARY KEY (execution_id, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (
    execution_id TEXT NOT NULL REFERENCES executions (id), number INTEGER NOT NULL, at REAL NOT NULL, type TEXT NOT NULL,
    source TEXT NOT NULL, payload TEXT NOT NULL, round INTEGER NOT NULL, PRIMARY KEY (execution_id, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS nodes (
    execution_id TEXT NOT NULL REFERENCES executions (id), node TEXT NOT NULL, state TEXT NOT NULL, reason TEXT,
    attempts INTEGER NOT NULL, started_at REAL, finished_at REAL, error TEXT, round INTEGER NOT NULL,
    PRIMARY KEY (execution_id, node)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS variables (
    execution_id TEXT NOT NULL REFERENCES executions (id), scope TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (execution_id, scope, name)
) WITHOUT ROWID;
"""
