"""Texts with statements → plain texts, by way of a process that can be killed. A user's file of the same name comes first."""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from yamlflow_nb.domain.typed_json import dumps
from yamlflow_nb.infrastructure.texts.rendering_process import SECONDS

WALL_SECONDS = 10.0
"""However busy the machine is, after so many seconds the process is killed."""
_START_SECONDS = 60.0
_MODULE = "yamlflow_nb.infrastructure.texts.rendering_process"
TEMPLATES = "templates"
"""The folder beside yamlflow.toml with a user's own texts."""


class CannotRender(ValueError):
    """Why there is no text."""


class Renderer:
    """Starts its process when the first text comes, and another when one was killed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def __call__(self, text: Mapping[str, Any]) -> str:
        """The text of ``{template, values}``. Raises ``CannotRender``."""
        with self._lock:
            line = dumps({"template": text["template"], "values": dict(text["values"])})
            answer = self._asked(line)
        if "text" not in answer:
            raise CannotRender(str(answer.get("error")))
        return str(answer["text"])

    def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def _asked(self, line: str) -> dict[str, Any]:
        process = self._process
        if process is None or process.poll() is not None:
            process = self._started()
        assert process.stdin is not None
        try:
            process.stdin.write(line + "\n")
            process.stdin.flush()
        except OSError:
            pass  # it has ended: so is there no answer
        answer = _read(process, WALL_SECONDS)
        if answer is None:
            self.close()
            return {"error": f"it takes more than {SECONDS} s"}
        return answer

    def _started(self) -> subprocess.Popen[str]:
        self.close()
        command = [sys.executable, "-m", _MODULE]
        made = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if _read(made, _START_SECONDS) is None:
            made.kill()
            made.communicate()
            raise CannotRender("the process that renders texts does not start")
        self._process = made
        atexit.register(self.close)
        return made


def _read(process: subprocess.Popen[str], seconds: float) -> dict[str, Any] | None:
    """The next line of a process; None where it ends without one, or takes too long."""
    assert process.stdout is not None
    late = threading.Timer(seconds, process.kill)
    late.daemon = True
    late.start()
    try:
        line = process.stdout.readline()
    except OSError:
        line = ""
    finally:
        late.cancel()
    try:
        found: dict[str, Any] = json.loads(line)
    except ValueError:
        return None
    return found


def own_text(folder: Path, name: str) -> str | None:
    """A user's own text: ``templates/NAME`` beside the nearest yamlflow.toml above a folder."""
    from yamlflow_nb.infrastructure.configuration import FILE_NAME

    for place in (folder.absolute(), *folder.absolute().parents):
        path = place / TEMPLATES / name
        if path.is_file():
            return path.read_text(encoding="utf-8")
        if (place / FILE_NAME).is_file():
            return None
    return None
