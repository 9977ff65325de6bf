"""One file, one writing connection, one reading connection, and what its refusals mean.

WAL, ``synchronous=FULL``, short IMMEDIATE transactions: DEFERRED ones that read and then write lose against each other at once
whatever the timeout says (https://www.sqlite.org/lang_transaction.html). The file is never opened by anything but SQLite:
closing another handle of it would drop this process's locks (https://www.sqlite.org/howtocorrupt.html, 2.2).
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from yamlflow_nb.domain.store_error import StoreMoved, StoreReadOnly
from yamlflow_nb.infrastructure.patience import patiently
from yamlflow_nb.infrastructure.store.file_system import network_kind
from yamlflow_nb.infrastructure.store.refusals import refusal
from yamlflow_nb.infrastructure.store.soundness import check_soundness

BUSY_MILLISECONDS = 5000
_PREPARED = 512
"""Statements that are kept ready; rows are written by one statement for each number of rows up to 64, four tables."""


class Database:
    """The store's file, open. ``writing()`` is the one way to change it, ``rows()`` the one way to read it."""

    def __init__(self, path: Path, migrate: Callable[[Database], None], version_of: Callable[[Database], None]) -> None:
        self.path = path
        self._name = str(path)
        self._network = network_kind(path.parent)
        if self._network is None:
            _make(path)
        elif not path.is_file():
            raise self._is_to_look_at()
        self.read_only = self._network is not None or not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))
        self._lock = threading.RLock()
        self._reading = threading.RLock()
        found = path.stat()
        self._inode = (found.st_dev, found.st_ino)
        self._checkpoints = False
        try:
            self.reader = self._open_reader()
            self.writer = self.reader if self.read_only else self._connect("mode=rw")
            if not self.read_only:
                patiently(self._turn_log_on, BUSY_MILLISECONDS / 1000)()
                self.writer.execute("PRAGMA synchronous=FULL")
                self.writer.execute("PRAGMA wal_autocheckpoint=0")
            check_soundness(self.reader, path)
            (version_of if self.read_only else migrate)(self)
        except sqlite3.Error as error:
            raise refusal(error, path) from error

    def _connect(self, mode: str) -> sqlite3.Connection:
        address = f"file:{quote(str(self.path))}?{mode}"
        connection = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False, cached_statements=_PREPARED)
        connection.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")
        return connection

    def _turn_log_on(self) -> None:
        """Two processes that open a new store at one moment stand in each other's way here, and SQLite tells them so at once:
        its busy timeout does not hold for a change of the journal."""
        try:
            self.writer.execute("PRAGMA journal_mode=WAL")
        except sqlite3.Error as error:
            raise refusal(error, self.path) from error

    def _open_reader(self) -> sqlite3.Connection:
        """A connection that only reads, and leaves checkpoints to the one that writes."""
        if not self.read_only:
            connection = self._connect("mode=rw")
            connection.execute("PRAGMA wal_autocheckpoint=0")
            connection.execute("PRAGMA query_only=ON")
            return connection
        connection = self._connect("mode=ro&immutable=1" if self._network else "mode=ro")
        try:
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except sqlite3.OperationalError:
            # Without rights on the folder SQLite cannot keep its shared memory there; the file is read as it lies.
            connection.close()
            connection = self._connect("mode=ro&immutable=1")
        return connection

    @contextmanager
    def writing(self, before_end: Callable[[], None] | None = None) -> Iterator[sqlite3.Connection]:
        """BEGIN IMMEDIATE ... COMMIT, rolled back on any error. Raises the errors of ``domain.store_error``."""
        if self._network is not None:
            raise self._is_to_look_at()
        if self.read_only:
            raise StoreReadOnly(f"the store {self.path} is not yours to write", "look at it, or name another: --store PATH")
        with self._lock:
            self._check_place()
            try:
                self.writer.execute("BEGIN IMMEDIATE")
                yield self.writer
                if before_end is not None:
                    before_end()
                self.writer.execute("COMMIT")
            except sqlite3.Error as error:
                raise refusal(error, self.path) from error
            finally:
                if self._in_transaction():
                    with suppress(sqlite3.Error):
                        self.writer.execute("ROLLBACK")

    def _is_to_look_at(self) -> StoreReadOnly:
        told = f"the store {self.path} lies on {self._network}, where SQLite's locks do not hold: it is only looked at"
        return StoreReadOnly(told, "name one on a local disk: --store PATH; without a name it is kept on one, with copies at home")

    def _in_transaction(self) -> bool:
        try:
            return self.writer.in_transaction
        except sqlite3.ProgrammingError:
            return False

    def checkpoint_here(self) -> None:
        """From now on this process moves the log's pages into the file: one that drives executions does, one that only asks
        does not (see ``soundness.may_lose_pages``)."""
        if not self._checkpoints and not self.read_only:
            with self._lock:
                self.writer.execute("PRAGMA wal_autocheckpoint=1000")
            self._checkpoints = True

    def rows(self, query: str, *values: Any) -> list[Any]:
        """What a query gives."""
        with self._reading:
            try:
                return self.reader.execute(query, values).fetchall()
            except sqlite3.Error as error:
                raise refusal(error, self.path) from error

    def changes(self) -> int:
        """A number that is another when any other connection has written."""
        return int(self.rows("PRAGMA data_version")[0][0])

    def close(self) -> None:
        with self._lock, self._reading:
            self.reader.close()
            self.writer.close()

    def _check_place(self) -> None:
        """An open file takes writes also when it was deleted; nobody would ever see them again."""
        try:
            found = os.stat(self._name)
        except OSError:
            raise StoreMoved(f"the store {self.path} is gone", "put it back; what ran is in its last state there") from None
        if (found.st_dev, found.st_ino) != self._inode:
            raise StoreMoved(f"the store {self.path} was replaced by another file while it was open", "start this process anew")


def _make(path: Path) -> None:
    """The file with its folder, for its owner alone; what others may read is shut."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        except FileExistsError:
            if os.name == "posix" and path.stat().st_mode & 0o077 and path.stat().st_uid == os.geteuid():
                path.chmod(0o600)
    except OSError as error:
        if path.is_file():
            return
        hint = "name another: --store PATH"
        raise StoreReadOnly(f"there is no store {path}, and none can be made: {error.strerror}", hint) from None
