"""What people decided, as a chain of rows: each holds the hash of itself and of the one before it, so that whoever edits, adds or
takes out a row is found out. The journal's facts tell the same a second time."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from yamlflow_nb.domain.event import ApprovalDecided

FIRST = "0" * 64
COLUMNS = "number, execution_id, node, attempt, request_id, at, by, action, body, previous, hash"
_INSERT = f"INSERT INTO decisions ({COLUMNS}) VALUES ({', '.join('?' * 11)})"  # noqa: S608


def chain(connection: sqlite3.Connection, execution_id: str, fact: ApprovalDecided, body: str) -> None:
    """Add a decision; whoever calls it holds the store's write transaction."""
    last = connection.execute("SELECT number, hash FROM decisions ORDER BY number DESC LIMIT 1").fetchone()
    number, previous = (last[0] + 1, last[1]) if last is not None else (1, FIRST)
    attempt = json.dumps(list(fact.attempt))
    row = (number, execution_id, fact.attempt.node, attempt, fact.id, fact.decided_at, fact.by, fact.action, body, previous)
    connection.execute(_INSERT, (*row, digest(row)))


def digest(row: Sequence[Any]) -> str:
    """The hash of a row without its own."""
    return hashlib.sha256(json.dumps(list(row), ensure_ascii=True, separators=(",", ":")).encode()).hexdigest()


def broken(rows: Iterable[Sequence[Any]], facts: Iterable[tuple[str, str]], executions: Iterable[str]) -> list[str]:
    """What is wrong with the chain; nothing where it holds. ``facts`` are the journal's decisions (execution, body) of
    ``executions``, those that the store still has."""
    found: list[str] = []
    expected, number, bodies = FIRST, 0, []
    for row in rows:
        number += 1
        if row[0] != number:
            found.append(f"decision {number} is missing: decision {row[0]} stands in its place")
            number = row[0]
        if row[9] != expected:
            found.append(f"decision {row[0]} does not follow the one before it")
        if digest(row[:10]) != row[10]:
            found.append(f"decision {row[0]} was changed after it was given")
        expected = row[10]
        bodies.append((row[1], row[8]))
    kept = set(executions)
    told, written = set(facts), {one for one in bodies if one[0] in kept}
    found += [f"a decision of `{name}` stands in the journal and not in the chain" for name, _ in sorted(told - written)]
    found += [f"a decision of `{name}` stands in the chain and not in the journal" for name, _ in sorted(written - told)]
    return found


def verify(connection: sqlite3.Connection) -> tuple[int, list[str]]:
    """How many decisions a store holds, and what is wrong with their chain."""
    rows = connection.execute(f"SELECT {COLUMNS} FROM decisions ORDER BY number").fetchall()  # noqa: S608
    facts = connection.execute("SELECT execution_id, body FROM facts WHERE kind = 'ApprovalDecided'").fetchall()
    executions = [name for (name,) in connection.execute("SELECT id FROM executions")] if rows else []
    return len(rows), broken(rows, [(name, body) for name, body in facts], executions)
