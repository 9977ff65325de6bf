"""Processes on one machine ring each other: an empty datagram on a Unix socket beside the store.

Where there are no such sockets (Windows), the owner looks at ``PRAGMA data_version`` twenty times a second instead.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from yamlflow_nb.domain.store_error import StoreError

_LONGEST = 100
"""Bytes of a socket's path that every system takes (Linux 107, macOS 103)."""
_LOOKS_A_SECOND = 20


class SocketBell:
    """``Bell`` by datagrams. ``rung`` is called on a thread of its own at every ring."""

    def __init__(self, store: Path, name: str, rung: Callable[[], None]) -> None:
        self.address: str | None = None
        self._folder = ring_folder(store)
        self._path = self._folder / name
        self._rung = rung
        self._socket: socket.socket | None = None

    def listen(self) -> None:
        if self._socket is not None:
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _sweep(self._folder)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self._path))
        self._path.chmod(0o600)
        self.address = str(self._path)
        threading.Thread(target=self._serve, args=(self._socket,), name="yamlflow-bell", daemon=True).start()

    def ring(self, address: str | None) -> bool:
        return address is not None and _ring(address)

    def close(self) -> None:
        listening, self._socket, self.address = self._socket, None, None
        if listening is not None:
            _ring(str(self._path), b"close")
            with contextlib.suppress(OSError):
                self._path.unlink()

    def _serve(self, listening: socket.socket) -> None:
        with listening:
            while True:
                try:
                    told = listening.recv(16)
                except OSError:
                    return
                if told == b"close" and self._socket is None:
                    return
                self._rung()


class WatchingBell:
    """``Bell`` without sockets: looks whether another process has written. Ringing does nothing."""

    address: str | None = None

    def __init__(self, version: Callable[[], int], rung: Callable[[], None]) -> None:
        self._version = version
        self._rung = rung
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

    def listen(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._serve, name="yamlflow-bell", daemon=True)
            self._thread.start()

    def ring(self, address: str | None) -> bool:
        return True

    def close(self) -> None:
        self._closed.set()

    def _serve(self) -> None:
        seen = None
        while not self._closed.wait(1 / _LOOKS_A_SECOND):
            try:
                now = self._version()
            except StoreError:
                continue  # the loop meets the same trouble, and tells it
            if now != seen:
                seen = now
                self._rung()


def has_sockets() -> bool:
    """Whether processes can ring each other here."""
    return hasattr(socket, "AF_UNIX")


def ring_folder(store: Path) -> Path:
    """Beside the store; where that path is too long for a socket, in the user's own folder for passing things."""
    beside = store.parent / f".{store.name}.ring"
    if len(os.fsencode(beside)) + 16 <= _LONGEST:
        return beside
    passing = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    user = os.getuid() if hasattr(os, "getuid") else 0
    return Path(passing) / f"yamlflow-{user}-{hashlib.sha256(os.fsencode(store)).hexdigest()[:12]}"


def _ring(address: str, told: bytes = b"") -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ringing:
        ringing.setblocking(False)
        try:
            ringing.sendto(told, address)
        except BlockingIOError:
            return True  # so many rings wait that one more says nothing new
        except OSError:
            return False
    return True


def _sweep(folder: Path) -> None:
    """Remove the sockets of processes that were killed. Nobody is disturbed: a ring only says "look"."""
    for path in folder.iterdir():
        if not _ring(str(path)):
            with contextlib.suppress(OSError):
                path.unlink()
