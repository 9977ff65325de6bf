"""What a task says from another process → its ``Work``: a private socket, one JSON message a line, each answered."""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.executors.handed_over import unpacked

VARIABLE = "YAMLFLOW_CHANNEL"
"""Names the socket to the other process: ``unix:<path>`` or ``tcp:<port>:<token>``."""


class Channel:
    """Open while the attempt runs: ``with Channel(work) as channel: ... env | channel.environment``."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._folder: str | None = None
        self._token = os.urandom(16).hex()
        self._socket: socket.socket | None = None
        self._answers: dict[str, Callable[[Mapping[str, Any]], Any]] = {
            "hello": lambda message: {"folder": str(work.run_folder), "node": work.attempt.node, "execution": work.execution_id},
            "output": lambda message: work.output(unpacked(message["values"])),
            "emit": lambda message: work.emit(message["name"], unpacked(message["values"])),
            "progress": lambda message: work.progress(message["done"], message["total"], message["text"]),
            "log": lambda message: work.log(message["text"]),
            "note": lambda message: work.note(message["text"]),
            "secret": lambda message: work.secret(message["name"]),
            "used": lambda message: work.used(Path(message["path"]), Path(message["path"]).read_bytes()),
        }

    def __enter__(self) -> Channel:
        if hasattr(socket, "AF_UNIX"):
            # A folder of its own: a socket's path has room for a hundred characters only, and nobody else may speak.
            self._folder = tempfile.mkdtemp(prefix="yf-")
            path = os.path.join(self._folder, "task")
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.bind(path)
            address = f"unix:{path}"
        else:
            self._socket = socket.socket()
            self._socket.bind(("127.0.0.1", 0))
            address = f"tcp:{self._socket.getsockname()[1]}:{self._token}"
        self._socket.listen(16)
        self.environment = {VARIABLE: address}
        threading.Thread(target=self._accept, args=(self._socket,), name="yamlflow-channel", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._socket is not None
        # Closing alone does not wake the thread that waits for a caller.
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                caller, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(caller,), name="yamlflow-channel", daemon=True).start()

    def _serve(self, caller: socket.socket) -> None:
        with caller, caller.makefile("rw", encoding="utf-8", newline="\n") as stream:
            try:
                for line in stream:
                    message = json.loads(line)
                    if self._folder is None and message.get("token") != self._token:
                        return
                    stream.write(json.dumps(self._answer(message)) + "\n")
                    stream.flush()
            except (OSError, ValueError):
                return  # the other side is gone, or speaks something else

    def _answer(self, message: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return {"ok": self._answers[message["do"]](message)}
        except TaskFailed as failure:
            return {"error": [failure.kind, failure.message]}
        except Exception as error:  # told to the task: its mistake, or ours
            return {"error": [type(error).__name__, str(error)]}
