"""Whether a store may be trusted: its pages, and the SQLite that reads them."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

from yamlflow_nb.infrastructure.store.refusals import damaged

CHECKED_BYTES = 64 * 1024 * 1024
"""A store up to this size is read through whenever it is opened; a larger one would keep every command waiting."""

_log = logging.getLogger("yamlflow_nb")
_told: set[str] = set()


def check_soundness(connection: sqlite3.Connection, path: Path) -> None:
    """Raises ``StoreDamaged`` for a file that is no sound database."""
    try:
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if path.stat().st_size <= CHECKED_BYTES:
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise damaged(path, found.splitlines()[-1])
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):
            raise
        raise damaged(path, str(error)) from error


def may_lose_pages(version: tuple[int, ...]) -> bool:
    """SQLite from 3.7.0 to 3.51.2 may damage a WAL database when two connections write and checkpoint at one moment."""
    return (3, 7, 0) <= version < (3, 51, 3)


def warn_of_old_sqlite(version: tuple[int, ...], others: bool) -> None:
    """Said once, when a second process is at work on the store."""
    if others and may_lose_pages(version) and "sqlite" not in _told:
        _told.add("sqlite")
        number = ".".join(map(str, version))
        _log.warning(
            "SQLite %s has a rare fault when several processes write at one moment (mended in 3.51.3). Processes "
            "that only ask do not checkpoint here, which makes it rarer still; a newer Python brings a newer SQLite.", number
        )  # fmt: skip
