"""What a task prints → its log.

Tasks run in threads of the user's own process. There, a line printed by a thread lands in whichever cell runs last, so nothing
of it may reach the page: while tasks run, ``sys.stdout`` and ``sys.stderr`` ask who is printing.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Any

_LONGEST = 1 << 16
"""Characters of a line without an end that are gathered before it is broken."""


class Lines:
    """Gathers what is written until a line is whole: one line is one record. ``print`` writes a line and its end apart, so each
    thread's beginning of a line is kept by itself, or lines of threads that print at once would run into one another."""

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._begun: dict[int, str] = {}
        self._lock = threading.Lock()

    def write(self, text: str) -> None:
        with self._lock:
            thread = threading.get_ident()
            *whole, begun = (self._begun.pop(thread, "") + text).split("\n")
            # A bar of progress writes one line over and over: the last of it is what a terminal would show.
            begun = begun.rpartition("\r")[2] if "\r" in begun[:-1] else begun
            if len(begun) > _LONGEST:
                whole, begun = [*whole, begun], ""
            if begun:
                self._begun[thread] = begun
            for line in whole:
                self._log(line.rstrip("\r").rpartition("\r")[2])

    def flush(self) -> None:
        """A line is kept when it is whole."""

    def end(self) -> None:
        with self._lock:
            for begun in self._begun.values():
                self._log(begun)
            self._begun = {}


_printing: ContextVar[Lines | None] = ContextVar("printing", default=None)


class _Stream:
    """A standard stream, but for the threads of tasks."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        lines = _printing.get()
        if lines is None:
            return int(self.stream.write(text) or 0)
        lines.write(text)
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        if _printing.get() is None:
            self.stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


_NAMES = ("stdout", "stderr")
_running = 0
_counting = threading.Lock()
_start = threading.Thread.start


def _start_within(thread: threading.Thread) -> None:
    """Start a thread: one that a task starts prints where the task prints, and speaks for the task."""
    if _printing.get() is not None:
        thread.run = partial(copy_context().run, thread.run)  # type: ignore[method-assign]
    _start(thread)


@contextmanager
def printed_to(log: Callable[[str], None]) -> Iterator[Lines]:
    """In this block, in this thread and those that it starts, prints are records of ``log``; other threads print as ever."""
    lines = Lines(log)
    _take(+1)
    token = _printing.set(lines)
    try:
        yield lines
    finally:
        _printing.reset(token)
        lines.end()
        _take(-1)


def _take(step: int) -> None:
    """The first block puts the streams in, the last takes them out; what somebody else put there meanwhile stays."""
    global _running
    with _counting:
        _running += step
        if step > 0 and _running == 1:
            setattr(threading.Thread, "start", _start_within)  # noqa: B010 - no type fits a method that is exchanged
        elif _running == 0 and threading.Thread.start is _start_within:
            setattr(threading.Thread, "start", _start)  # noqa: B010
        for name in _NAMES:
            stream = getattr(sys, name)
            if step > 0 and stream is not None and not isinstance(stream, _Stream):
                setattr(sys, name, _Stream(stream))
            elif _running == 0 and isinstance(stream, _Stream):
                setattr(sys, name, stream.stream)
