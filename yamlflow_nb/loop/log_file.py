"""The log of one attempt: ``log.txt`` in its folder, one record a line, written as it is said."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO

LOG_NAME = "log.txt"
MOST_BYTES = 16 * 1024 * 1024
"""An attempt that says more is cut off, with a word about it: a task in a loop must not fill the disk."""
_MOST_OF_A_RECORD = 64 * 1024
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\t"}
_TURNS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029")
"""Characters that turn the direction of writing, or break a line for some programs."""


def as_record(text: str) -> str:
    """A text as one line that steers no terminal: line breaks, control characters and turns of direction are written out.

    >>> as_record("a\\nb\\x1b[2J")
    'a\\\\nb\\\\x1b[2J'
    """
    if len(text) > _MOST_OF_A_RECORD:
        text = f"{text[:_MOST_OF_A_RECORD]}… ({len(text) - _MOST_OF_A_RECORD} more characters)"
    if text.isascii() and text.isprintable() and "\\" not in text:
        return text
    return "".join(map(_written, text))


def _written(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    code = ord(char)
    if code < 0x20 or 0x7F <= code < 0xA0:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if char in _TURNS or 0xD800 <= code < 0xE000 else char


class LogFile:
    """Appends records ``<seconds since the epoch> <text>``; from any thread, each written through at once. ``folder`` is asked
    for, and made, with the first."""

    def __init__(self, folder: Callable[[], Path], now: Callable[[], float]) -> None:
        self._folder = folder
        self._now = now
        self._lock = threading.Lock()
        self._file: IO[str] | None = None
        self._size = 0
        self._closed = False

    def write(self, text: str) -> None:
        """Add one record."""
        line = f"{self._now():.3f} {as_record(text)}\n"
        with self._lock:
            if self._size > MOST_BYTES or self._closed:
                return
            if self._file is None:
                folder = self._folder()
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._file = (folder / LOG_NAME).open("a", encoding="utf-8", buffering=1, newline="\n")
            self._size += len(line)
            if self._size > MOST_BYTES:
                line = f"{self._now():.3f} … the log ends here: more than {MOST_BYTES // 1024 // 1024} MiB were said\n"
            self._file.write(line)

    def close(self) -> None:
        """Nothing is written any more; what a thread that was left behind still says is dropped."""
        with self._lock:
            self._closed = True
            if self._file is not None:
                self._file.close()
                self._file = None
