"""The files that a task's code opens while it runs in this process, seen by Python's own audit events."""

from __future__ import annotations

import hashlib
import os
import sys
import sysconfig
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

_watching: ContextVar[OpenedFiles | None] = ContextVar("yamlflow_nb_opened_files", default=None)
_installed = threading.Lock()
_NOT_DATA = tuple(
    os.path.realpath(path)
    for path in {*sysconfig.get_paths().values(), sys.prefix, sys.base_prefix, "/proc", "/sys", "/dev", "/etc", "/usr"}
)
"""What a program and its libraries are made of; their versions are what ``cache.packages`` is for."""


class OpenedFiles:
    """``read``: path → SHA-256 of what was there when it was opened first; ``written``: those that were only written."""

    def __init__(self) -> None:
        self.read: dict[str, str] = {}
        self.written: dict[str, None] = {}
        self._looking = False

    def note(self, name: Any, mode: Any, flags: Any) -> None:
        """One file is about to be opened."""
        if self._looking or not isinstance(name, (str, bytes, os.PathLike)):
            return
        path = os.path.realpath(os.fsdecode(name))
        if path.endswith(".pyc") or path.startswith(_NOT_DATA) or path in self.read:
            return
        if _only_writes(mode, flags):
            self.written[path] = None
            return
        self._looking = True
        try:
            if os.path.isfile(path):
                self.read[path] = hashlib.sha256(Path(path).read_bytes()).hexdigest()
        except OSError:
            return
        finally:
            self._looking = False


def _only_writes(mode: Any, flags: Any) -> bool:
    if isinstance(mode, str):
        return "+" not in mode and "r" not in mode
    return isinstance(flags, int) and flags & os.O_ACCMODE == os.O_WRONLY


@contextmanager
def watched() -> Iterator[OpenedFiles]:
    """Note what is opened by the code within, also in threads that copy its context."""
    if _installed.acquire(blocking=False):  # once a process, and for good: an audit hook cannot be taken away
        sys.addaudithook(_hear)
    opened = OpenedFiles()
    token = _watching.set(opened)
    try:
        yield opened
    finally:
        _watching.reset(token)


def _hear(event: str, details: tuple[Any, ...]) -> None:
    if event == "open":
        opened = _watching.get()
        if opened is not None:
            opened.note(*details[:3])
