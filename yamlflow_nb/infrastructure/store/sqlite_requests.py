"""What processes ask of each other, as rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from yamlflow_nb.domain.ports.requests import MOVED_ON, Request
from yamlflow_nb.infrastructure.store.connection import Database
from yamlflow_nb.infrastructure.store.fact_codec import decode, encode
from yamlflow_nb.infrastructure.store.soundness import warn_of_old_sqlite

_WAITING = "SELECT id, execution_id, kind, body FROM requests WHERE execution_id = ? AND answer IS NULL ORDER BY rowid"


def _readable(rows: Iterable[tuple[str, str, str, str]]) -> list[Request]:
    """Requests; one that cannot be read is left to the owner, who refuses it."""
    found: list[Request] = []
    for name, execution_id, kind, body in rows:
        with suppress(ValueError, TypeError, KeyError):
            found.append(Request(name, execution_id, decode(kind, body)))
    return found


class SQLiteRequests:
    """``Requests``."""

    database: Database

    def ask(self, request: Request) -> None:
        kind, body = encode(request.fact)
        asked_by = getattr(request.fact, "by", None)
        with self.database.writing() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO requests VALUES (?, ?, ?, ?, ?, ?, NULL)",
                (request.id, request.execution_id, kind, body, asked_by, request.fact.at),
            )

    def ask_nobody(self, request: Request, epoch: int, refused: Callable[[Sequence[Request]], str | None]) -> str | None:
        kind, body = encode(request.fact)
        asked_by = getattr(request.fact, "by", None)
        name = request.execution_id
        with self.database.writing() as connection:
            if connection.execute("SELECT 1 FROM requests WHERE id = ?", (request.id,)).fetchone() is not None:
                return None
            if connection.execute("SELECT epoch FROM executions WHERE id = ?", (name,)).fetchone() != (epoch,):
                return MOVED_ON
            why = refused(_readable(connection.execute(_WAITING, (name,)).fetchall()))
            if why is None:
                connection.execute(
                    "INSERT INTO requests VALUES (?, ?, ?, ?, ?, ?, NULL)",
                    (request.id, name, kind, body, asked_by, request.fact.at),
                )
        return why

    def waiting_requests(self, execution_id: str) -> list[Request]:
        return _readable(self.database.rows(_WAITING, execution_id))

    def asked(self, owner: str) -> list[Request]:
        """The open ones of an owner; one that cannot be read is refused here, so that it keeps nobody from going on."""
        found: list[Request] = []
        for name, execution_id, kind, body in self.database.rows(
            "SELECT r.id, r.execution_id, r.kind, r.body FROM executions e JOIN requests r ON r.execution_id = e.id "
            "WHERE e.owner = ? AND r.answer IS NULL ORDER BY r.rowid",
            owner,
        ):
            warn_of_old_sqlite(sqlite3.sqlite_version_info, others=True)
            try:
                found.append(Request(name, execution_id, decode(kind, body)))
            except (ValueError, TypeError, KeyError) as error:
                self.refuse(name, f"it cannot be read: {error}")
        return found

    def answer(self, request_id: str) -> str | None:
        rows = self.database.rows("SELECT answer FROM requests WHERE id = ?", request_id)
        return rows[0][0] if rows else None

    def refuse(self, request_id: str, why: str) -> None:
        with self.database.writing() as connection:
            connection.execute("UPDATE requests SET answer = ? WHERE id = ? AND answer IS NULL", (why, request_id))
