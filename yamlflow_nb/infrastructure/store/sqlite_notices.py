"""What is to be sent, as rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

from yamlflow_nb.domain.notice import Notice
from yamlflow_nb.domain.typed_json import dumps, loads
from yamlflow_nb.infrastructure.store.connection import Database

_COLUMNS = "id, execution_id, notifier, kind, node, at, body, state, tries, next_at, error, sent_at"
_DUE = f"SELECT {_COLUMNS} FROM notices WHERE state = 'due' AND next_at <= ? ORDER BY at, rowid"  # noqa: S608


def row_of(notice: Notice) -> tuple[Any, ...]:
    """A new notice as a row; made before the transaction."""
    return (
        notice.id, notice.execution_id, notice.notifier, notice.kind, notice.node, notice.at, dumps(notice.told), notice.state,
        notice.tries, notice.next_at,
    )  # fmt: skip


def write_notices(connection: sqlite3.Connection, rows: Iterable[Sequence[Any]]) -> None:
    """Within the commit of what they tell."""
    connection.executemany("INSERT OR IGNORE INTO notices VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL)", rows)


class SQLiteNotices:
    """``Notices``. A claim moves ``next_at``: where its process dies, the notice is due again."""

    database: Database

    def claim_notices(self, owner: str, now: float, until: float) -> list[Notice]:
        if not self.database.rows("SELECT 1 FROM notices WHERE state = 'due' AND next_at <= ? LIMIT 1", now):
            return []
        with self.database.writing() as connection:
            found = connection.execute(_DUE, (now,)).fetchall()
            connection.executemany(
                "UPDATE notices SET claimed_by = ?, next_at = ? WHERE id = ?", [(owner, until, row[0]) for row in found]
            )
        return [_notice(row) for row in found]

    def settle_notice(self, notice_id: str, state: str, error: str | None, at: float, next_at: float = 0.0) -> None:
        with self.database.writing() as connection:
            connection.execute(
                "UPDATE notices SET state = ?, error = ?, next_at = ?, tries = tries + 1, sent_at = ? WHERE id = ?",
                (state, error, next_at, at if state == "sent" else None, notice_id),
            )

    def next_notice_at(self) -> float | None:
        found = self.database.rows("SELECT min(next_at) FROM notices WHERE state = 'due'")[0][0]
        return None if found is None else float(found)

    def notices(self, execution_id: str) -> list[Notice]:
        query = f"SELECT {_COLUMNS} FROM notices WHERE execution_id = ? ORDER BY at, rowid"  # noqa: S608
        return [_notice(row) for row in self.database.rows(query, execution_id)]


def _notice(row: Sequence[Any]) -> Notice:
    name, execution_id, notifier, kind, node, at, told, *rest = row
    return Notice(name, execution_id, notifier, kind, node, at, loads(told), *rest)
