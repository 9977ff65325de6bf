"""What a task's own code may say while it runs: ``yamlflow_nb.output``, ``progress``, ``emit``, ``log``, ``secret``."""

from __future__ import annotations

import os
import re
from typing import Any

from yamlflow_nb.domain.current_work import current_work
from yamlflow_nb.domain.work import Work
from yamlflow_nb.services.command_error import CommandError

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def _work(verb: str) -> Work:
    work = current_work.get()
    if work is None:
        raise CommandError("YF707", f"{verb}() was called outside of a task", "call it in the code of a task")
    return work


def output(values: dict[str, Any]) -> None:
    """Set outputs early."""
    _work("output").output(values)


def emit(event: str, payload: dict[str, Any]) -> None:
    """Emit an event that the node declares in ``emits``."""
    _work("emit").emit(event, payload)


def progress(done: float, total: float | None, text: str) -> None:
    """Say how far the task is."""
    _work("progress").progress(done, total, text)


def log(parts: tuple[Any, ...]) -> None:
    """Add a record to the attempt's log."""
    _work("log").log(" ".join(map(str, parts)))


def secret(name: str) -> str:
    """A secret's value, from the environment variable ``YAMLFLOW_SECRET_<NAME>``; raises ``CommandError`` (YF708)."""
    variable = f"YAMLFLOW_SECRET_{name.upper()}"
    value = os.environ.get(variable) if _NAME.fullmatch(name) else None
    if value is None:
        raise CommandError("YF708", f"there is no secret {name!r}", f"set the environment variable {variable}")
    return value
