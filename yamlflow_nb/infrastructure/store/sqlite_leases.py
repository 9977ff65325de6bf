"""Who drives an execution, as columns of its row."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from yamlflow_nb.domain.ports.leases import Standing
from yamlflow_nb.infrastructure.store.connection import Database


class SQLiteLeases:
    """``Leases``: every change is one compare-and-set."""

    database: Database
    now: Callable[[], float]

    def standing(self, execution_id: str) -> Standing | None:
        rows = self.database.rows(
            "SELECT status, reason, owner, epoch, expires_at, facts, ring, loads FROM executions WHERE id = ?", execution_id
        )
        return Standing(*rows[0]) if rows else None

    def take(self, execution_id: str, owner: str, seen_epoch: int, seconds: float, ring: str | None) -> int | None:
        with self.database.writing() as connection:
            taken = connection.execute(
                "UPDATE executions SET owner = ?, epoch = ?, expires_at = ?, ring = ?, loads = loads + 1 "
                "WHERE id = ? AND epoch = ?",
                (owner, seen_epoch + 1, self.now() + seconds, ring, execution_id, seen_epoch),
            ).rowcount
            mine = connection.execute(
                "SELECT 1 FROM executions WHERE id = ? AND owner = ? AND epoch = ?", (execution_id, owner, seen_epoch + 1)
            ).fetchone()
        return seen_epoch + 1 if taken or mine else None

    def renew(self, owner: str, seconds: float) -> frozenset[str]:
        with self.database.writing() as connection:
            connection.execute("UPDATE executions SET expires_at = ? WHERE owner = ?", (self.now() + seconds, owner))
            rows = connection.execute("SELECT id FROM executions WHERE owner = ?", (owner,)).fetchall()
        return frozenset(name for (name,) in rows)

    def release(self, owner: str, execution_ids: Iterable[str]) -> None:
        with self.database.writing() as connection:
            connection.executemany(
                "UPDATE executions SET owner = NULL, expires_at = 0, ring = NULL WHERE owner = ? AND id = ?",
                [(owner, name) for name in execution_ids],
            )

    def set_aside(self, execution_id: str, epoch: int, reason: str, why: str = "") -> None:
        with self.database.writing() as connection:
            marked = connection.execute(
                "UPDATE executions SET status = 'paused', reason = ?, owner = NULL, expires_at = 0, ring = NULL "
                "WHERE id = ? AND epoch = ?",
                (reason, execution_id, epoch),
            ).rowcount
            if marked and why:
                told = why.encode("utf-8", "backslashreplace").decode()
                connection.execute("INSERT OR REPLACE INTO set_aside VALUES (?, ?)", (execution_id, told))

    def why_set_aside(self, execution_id: str) -> str | None:
        rows = self.database.rows("SELECT why FROM set_aside WHERE execution_id = ?", execution_id)
        return str(rows[0][0]) if rows else None
