"""What SQLite's errors mean for whoever asked."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

from yamlflow_nb.domain.store_error import (
    StoreBusy,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreMoved,
    StoreReadOnly,
)

_WRITE_LOCK = 120
"""The byte of the ``-shm`` file that whoever writes in WAL mode has locked (https://www.sqlite.org/walformat.html)."""
_ROOM = 256 * 1024
_WORDS = (("locked", 5), ("busy", 5), ("full", 13), ("malformed", 11), ("not a database", 26), ("readonly", 8), ("disk i/o", 10))


def refusal(error: sqlite3.Error, path: Path) -> StoreError:
    """The store's own error for one of SQLite's."""
    code = _code(error)
    if code in (5, 6):
        holder = lock_holder(path)
        held = f": held by process {holder}" if holder else ""
        return StoreBusy(f"the store {path} is busy{held}", "it is tried again; end that process if it hangs")
    if code == 13 or (code == 10 and not _has_room(path)):
        return StoreFull(f"no room for the store {path}", "make room on its disk: what ran goes on by itself")
    if code in (11, 26):
        return damaged(path, str(error))
    if code == 8:
        return StoreReadOnly(f"the store {path} is not yours to write", "look at it, or name another: --store PATH")
    if code == 14 and not path.exists():
        return StoreMoved(f"the store {path} is gone")
    return StoreError(f"the store {path}: {error}")


def damaged(path: Path, what: str) -> StoreDamaged:
    """The file is unsound; names the backups that lie beside it."""
    backups = sorted(path.parent.glob(f"{path.name}.*.bak"), key=lambda one: one.stat().st_mtime, reverse=True)
    hint = f"the newest backup is {backups[0]}" if backups else "there is no backup beside it"
    message = f"the store {path} is damaged, or no store at all ({what}); nothing is written to it"
    return StoreDamaged(message, f"{hint}; sqlite3 .recover salvages rows")


def lock_holder(path: Path) -> int | None:
    """The process that holds the store's writing place, where the system says so."""
    try:
        inode = path.with_name(path.name + "-shm").stat().st_ino
        lines = Path("/proc/locks").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        words = line.split()
        if "WRITE" in words[:5] and words[-1] == words[-2] == str(_WRITE_LOCK) and words[-3].rpartition(":")[2] == str(inode):
            return int(words[-4]) if int(words[-4]) > 0 else None
    return None


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; before Python 3.11 only the text tells it."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None:
        return int(code) & 0xFF
    text = str(error).lower()
    return next((number for word, number in _WORDS if word in text), 1)


def _has_room(path: Path) -> bool:
    if not hasattr(os, "statvfs"):
        return True
    try:
        found = os.statvfs(path.parent)
    except OSError:
        return True
    return found.f_bavail * found.f_frsize > _ROOM
