"""What a node's attempts said: from their files, as they are written, whichever process runs them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from yamlflow_nb.loop.log_file import LOG_NAME

_ATTEMPT = re.compile(r"r(\d+)(?:-i(\d+))?(?:-x(\d+))?-a(\d+)")
_RECORD = re.compile(r"(\d+\.\d+) (.*)")
_LOOK_AGAIN = 0.1
"""Seconds between two looks at a log that grows."""


@dataclass(frozen=True)
class LogRecord:
    """One record: when (seconds since the epoch), of which node and attempt (``r1-a1``), what. ``text`` is one line without
    control characters."""

    at: float
    node: str
    attempt: str
    text: str


def attempt_log(folder: Path, nodes: Sequence[str], follow: bool, is_over: Callable[[], bool]) -> Iterator[LogRecord]:
    """The records of these nodes' attempts, node by node, oldest attempt first. ``follow``: as they come, until ``is_over()`` and
    all is told. ``folder`` is the execution's."""
    read: dict[Path, int] = {}
    while True:
        over = not follow or is_over()
        spoken = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
        for node in nodes:
            for attempt in _attempts(folder / node) if node in spoken else ():
                yield from _new_records(attempt, node, read)
        if over:
            return
        time.sleep(_LOOK_AGAIN)


def _attempts(folder: Path) -> list[Path]:
    found = [(match, path) for path in (folder.iterdir() if folder.is_dir() else ()) if (match := _ATTEMPT.fullmatch(path.name))]
    return [path for _, path in sorted(found, key=lambda pair: [int(pair[0][group] or 0) for group in (1, 2, 4, 3)])]


def _new_records(attempt: Path, node: str, read: dict[Path, int]) -> Iterator[LogRecord]:
    path = attempt / LOG_NAME
    try:
        with path.open("rb") as file:
            file.seek(read.get(path, 0))
            data = file.read()
    except FileNotFoundError:
        return
    whole = data.rfind(b"\n") + 1  # the rest of a line that is being written comes next time
    read[path] = read.get(path, 0) + whole
    for line in data[:whole].decode("utf-8", "replace").split("\n"):
        found = _RECORD.fullmatch(line)
        if found is not None:
            yield LogRecord(float(found[1]), node, attempt.name, found[2])
