"""In a process that a task has for itself: a ``Work`` whose words go over the channel to the process that runs the pipeline."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from yamlflow_nb.domain.event import AttemptKey
from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.executors.channel import VARIABLE
from yamlflow_nb.executors.handed_over import packed

_OFTEN = 0.05
"""Seconds between two words of progress: a loop of a million steps need not be slowed down to be seen."""


class _Line:
    """One connection; any thread may ask, one at a time."""

    def __init__(self, address: str) -> None:
        kind, _, rest = address.partition(":")
        self._token = ""
        if kind == "unix":
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.connect(rest)
        else:
            port, _, self._token = rest.partition(":")
            self._socket = socket.create_connection(("127.0.0.1", int(port)))
        self._stream = self._socket.makefile("rw", encoding="utf-8", newline="\n")
        self._lock = threading.Lock()

    def ask(self, do: str, **message: Any) -> Any:
        with self._lock:
            self._stream.write(json.dumps({"do": do, "token": self._token, **message}) + "\n")
            self._stream.flush()
            line = self._stream.readline()
        if not line:
            raise TaskFailed("ChannelClosed", "the process that runs the pipeline no longer listens")
        answer = json.loads(line)
        if "error" in answer:
            raise TaskFailed(*answer["error"])
        return answer["ok"]


given_here: list[str] = []
"""Secrets that this process has asked for: whoever writes something down keeps them out."""
_made: dict[tuple[str, int], Work] = {}
_making = threading.Lock()


def far_work() -> Work | None:
    """The attempt that this process belongs to; None where it belongs to none."""
    address = os.environ.get(VARIABLE)
    if not address:
        return None
    with _making:
        key = (address, os.getpid())  # a fork must not speak on its parent's line
        if key not in _made:
            try:
                _made[key] = _work(_Line(address))
            except OSError:
                return None
        return _made[key]


def _work(line: _Line) -> Work:
    told = line.ask("hello")
    folder = Path(told["folder"])
    last = [0.0]

    def progress(done: float, total: float | None, text: str) -> None:
        now = time.monotonic()
        if now - last[0] >= _OFTEN or (total is not None and done >= total):
            last[0] = now
            line.ask("progress", done=done, total=total, text=text)

    def emit(name: str, payload: Mapping[str, Any]) -> None:
        line.ask("emit", name=name, values=packed(payload, folder))

    def secret(name: str) -> str:
        given_here.append(str(line.ask("secret", name=name)))
        return given_here[-1]

    return Work(
        execution_id=told["execution"], attempt=AttemptKey(told["node"], 0, 0, None, 0), type="", inputs={}, fields={}, declared={},
        folder=Path.cwd(), run_folder=folder, emit=emit, progress=progress,
        output=lambda values: line.ask("output", values=packed(values, folder)),
        log=lambda text: line.ask("log", text=text),
        note=lambda text: line.ask("note", text=text),
        secret=secret,
    )  # fmt: skip
