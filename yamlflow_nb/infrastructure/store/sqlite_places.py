"""Who has a place among the executions of a pipeline, and who stands in line, as rows."""

from __future__ import annotations

from collections.abc import Callable

from yamlflow_nb.domain.ports.places import PlaceAnswer
from yamlflow_nb.infrastructure.store.connection import Database

_STANDING = """SELECT p.execution_id, p.taken, e.owner, e.expires_at FROM places p JOIN executions e ON e.id = p.execution_id
    WHERE p.key = ? AND e.finished_at IS NULL ORDER BY p.number"""
_RINGS = """SELECT DISTINCT e.ring FROM places p JOIN executions e ON e.id = p.execution_id
    WHERE p.key = ? AND NOT p.taken AND e.finished_at IS NULL AND e.ring IS NOT NULL"""


class SQLitePlaces:
    """``Places``: counted and taken in one transaction, so that two processes never take the last one."""

    database: Database

    def take_place(self, execution_id: str, key: str, limit: int, is_driven: Callable[[str | None, float], bool]) -> PlaceAnswer:
        with self.database.writing() as connection:
            connection.execute("INSERT OR IGNORE INTO places (execution_id, key, taken) VALUES (?, ?, 0)", (execution_id, key))
            answer = _answer(execution_id, connection.execute(_STANDING, (key,)).fetchall(), limit, is_driven)
            if answer.taken:
                connection.execute("UPDATE places SET taken = 1 WHERE execution_id = ?", (execution_id,))
        return answer

    def leave_place(self, execution_id: str) -> tuple[str, ...]:
        with self.database.writing() as connection:
            found = connection.execute("SELECT key FROM places WHERE execution_id = ?", (execution_id,)).fetchone()
            if found is None:
                return ()
            connection.execute("DELETE FROM places WHERE execution_id = ?", (execution_id,))
            rings = connection.execute(_RINGS, found).fetchall()
        return tuple(ring for (ring,) in rings)


def _answer(
    execution_id: str,
    line: list[tuple[str, int, str | None, float]],
    limit: int,
    is_driven: Callable[[str | None, float], bool],
) -> PlaceAnswer:
    holders: list[str] = []
    ahead, mine = 0, False
    for name, taken, owner, expires_at in line:
        if name == execution_id:
            mine = True
            if taken:
                return PlaceAnswer(True)
        elif is_driven(owner, expires_at):
            holders += [name] if taken else []
            ahead += not taken and not mine
    return PlaceAnswer(len(holders) + ahead < limit, tuple(holders))
