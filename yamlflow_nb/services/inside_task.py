"""What a task's own code may say while it runs: ``yamlflow_nb.output``, ``progress``, ``emit``, ``log``, ``secret``."""

from __future__ import annotations

import os
import re
from typing import Any

from yamlflow_nb.domain.current_work import current_work
from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.executors.channel import VARIABLE
from yamlflow_nb.services.command_error import CommandError

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def _work(verb: str) -> Work:
    work = _current()
    if work is None:
        raise CommandError("YF707", f"{verb}() was called outside of a task", "call it in the code of a task")
    return work


def _current() -> Work | None:
    """The attempt in this thread, else the one that this process was started for: a notebook's kernel, a process of its own."""
    work = current_work.get()
    if work is None and os.environ.get(VARIABLE):
        from yamlflow_nb.executors.far_work import far_work

        return far_work()
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
    """A secret's value: in a task from where the configuration says, and elsewhere from the environment variable
    ``YAMLFLOW_SECRET_<NAME>``. Raises ``CommandError`` (YF708)."""
    work = _current()
    if work is not None:
        try:
            return work.secret(name)
        except TaskFailed as failure:
            raise CommandError("YF708", failure.message, f"set YAMLFLOW_SECRET_{name.upper()}, or say where it is") from None
    variable = f"YAMLFLOW_SECRET_{name.upper()}"
    value = os.environ.get(variable) if _NAME.fullmatch(name) else None
    if value is None:
        raise CommandError("YF708", f"there is no secret {name!r}", f"set the environment variable {variable}")
    return value
