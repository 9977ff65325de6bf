"""A home folder on a network: the store is on a local disk, and whole copies of it, one a machine, go home.

A copy is made by SQLite's own backup, and put under its name when it is whole. On another machine the newest one is where the
store begins: everything can be looked at, and gone on with, or retried, only by ``--take-over``.
"""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from yamlflow_nb.domain.ports.leases import TERMINAL_STATUS
from yamlflow_nb.domain.ports.repository import Commit
from yamlflow_nb.domain.store_error import OwnershipLost
from yamlflow_nb.infrastructure.process_identity import host_of
from yamlflow_nb.infrastructure.store.sqlite_repository import SQLiteRepository

EVERY = 30.0
"""Seconds between two copies while something happens; an end is copied at once."""
_log = logging.getLogger("yamlflow_nb")


class HomeCopies:
    """The copies of one user's stores. ``folder`` is on the network, ``store`` is the local file, ``host`` this machine."""

    def __init__(self, folder: Path, store: Path, host: str) -> None:
        self._folder = folder
        self._store = store
        self._host = host

    @property
    def own(self) -> Path:
        """This machine's copy."""
        return self._folder / f"{self._host}.db"

    def begin(self) -> None:
        """Where there is no local store, it begins as the newest copy. What another machine drove last stays that machine's."""
        found = self._folder.glob("*.db") if self._folder.is_dir() else ()
        newest = max(found, key=lambda one: one.stat().st_mtime, default=None)
        if self._store.exists() or newest is None:
            return
        self._store.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = self._store.with_name(f".{self._store.name}.{os.getpid()}")
        shutil.copyfile(newest, fresh)
        fresh.chmod(0o600)
        if newest.stem != self._host:
            with closing(sqlite3.connect(fresh)) as connection, connection:
                connection.execute(
                    "UPDATE executions SET owner = ?, expires_at = 0, ring = NULL WHERE owner IS NULL",
                    (f"{newest.stem}/0/-/copy",),
                )
        os.replace(fresh, self._store)
        age = time.time() - newest.stat().st_mtime
        _log.warning("the store begins as the copy of %s, %.0f s old: %s", newest.stem, age, newest)

    def save(self) -> None:
        """A whole copy of the local store, home."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        here = self._store.with_name(f".{self._store.name}.copy-{os.getpid()}")
        there = self.own.with_suffix(f".new-{os.getpid()}")
        try:
            with closing(sqlite3.connect(self._store)) as source, closing(sqlite3.connect(here)) as copy:
                source.backup(copy)
                copy.execute("PRAGMA journal_mode=DELETE")  # one file, to be read as it lies
            with here.open("rb") as whole, there.open("wb") as target:
                os.chmod(there, 0o600)
                shutil.copyfileobj(whole, target, 1 << 20)
                target.flush()
                os.fsync(target.fileno())
            os.replace(there, self.own)
        finally:
            for left in (here, there):
                left.unlink(missing_ok=True)

    def gone_on_with(self, execution_id: str, epoch: int) -> str | None:
        """The other machine whose copy says that it went on with an execution since; None where none did."""
        for copy in self._folder.glob("*.db") if self._folder.is_dir() else ():
            if copy != self.own:
                with closing(sqlite3.connect(f"file:{copy}?mode=ro&immutable=1", uri=True)) as connection:
                    row = connection.execute("SELECT epoch, owner FROM executions WHERE id = ?", (execution_id,)).fetchone()
                if row is not None and row[0] > epoch and host_of(row[1] or copy.stem) != self._host:
                    return copy.stem
        return None


class CopiedRepository(SQLiteRepository):
    """A local store whose copies go home: at once when an execution has ended or was taken, else after at most ``EVERY`` seconds,
    by a thread of its own that sleeps while nothing happens."""

    def __init__(self, path: Path, copies: HomeCopies) -> None:
        copies.begin()
        super().__init__(path)
        self._copies = copies
        self._changed = threading.Condition()
        self._due: float | None = None
        self._closed = False
        self._keeper = threading.Thread(target=self._keep, name="yamlflow-copies", daemon=True)
        self._keeper.start()

    def commit(self, commits: Sequence[Commit]) -> None:
        super().commit(commits)
        self._written(any(commit.status in TERMINAL_STATUS for commit in commits))

    def take(self, execution_id: str, owner: str, seen_epoch: int, seconds: float, ring: str | None) -> int | None:
        """Raises ``OwnershipLost`` for one that another machine went on with since."""
        other = self._copies.gone_on_with(execution_id, seen_epoch)
        if other is not None:
            told = f"`{execution_id}` was gone on with on {other}; two machines never run one execution"
            raise OwnershipLost({execution_id}, told)
        epoch = super().take(execution_id, owner, seen_epoch, seconds, ring)
        self._written(True)
        return epoch

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._keeper.join()
        super().close()

    def _written(self, at_once: bool) -> None:
        with self._changed:
            due = time.monotonic() + (0.0 if at_once else EVERY)
            self._due = due if self._due is None else min(self._due, due)
            self._changed.notify_all()

    def _keep(self) -> None:
        while True:
            with self._changed:
                while not self._closed and (self._due is None or self._due > time.monotonic()):
                    self._changed.wait(None if self._due is None else self._due - time.monotonic())
                wanted, self._due = self._due is not None, None
                closed = self._closed
            if wanted:
                try:
                    self._copies.save()
                except (OSError, sqlite3.Error) as error:
                    _log.warning("the store could not be copied home: %s", error)
                    if not closed:
                        self._written(False)
            if closed:
                return
