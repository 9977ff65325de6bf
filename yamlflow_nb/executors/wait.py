"""``type: wait``: a while, a moment, a file or an event."""

from __future__ import annotations

import datetime as dt
import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from yamlflow_nb.domain.event import AttemptKey
from yamlflow_nb.domain.task_definition import TaskFields, TaskType
from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.language.durations import FORMS, parse_duration
from yamlflow_nb.language.moments import ZONED, parse_moment

_FILE_FORMS = "a file is its path, or {path: ..., changed: true}"


class WaitFields(TaskFields):
    """Fields of a ``wait`` task: exactly one of ``for``, ``until``, ``file`` and ``event``. ``file`` is the path of a file that is
    to appear, or ``{path: ..., changed: true}``: to become another than it was."""

    for_: str | float | None = Field(default=None, alias="for")
    until: Any = None
    file: str | dict[str, Any] | None = None
    event: str | None = None

    @field_validator("for_")
    @classmethod
    def _duration(cls, value: str | float | None) -> str | float | None:
        if value is not None and "{{" not in str(value) and parse_duration(value) is None:
            raise ValueError(f"this is no duration; durations: {FORMS}")
        return value

    @field_validator("until")
    @classmethod
    def _moment(cls, value: Any) -> Any:
        if value is not None and "{{" not in str(value) and parse_moment(value) is None:
            raise ValueError(ZONED)
        return value

    @field_validator("file")
    @classmethod
    def _path(cls, value: str | dict[str, Any] | None) -> str | dict[str, Any] | None:
        if isinstance(value, dict) and (not isinstance(value.get("path"), str) or not set(value) <= {"path", "changed"}):
            raise ValueError(_FILE_FORMS)
        if isinstance(value, dict) and not isinstance(value.get("changed", False), bool):
            raise ValueError("`changed` is true or false")
        return value

    @field_validator("event")
    @classmethod
    def _custom(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith("custom."):
            raise ValueError(f"a wait is for an event from outside: `custom.{value.rpartition('.')[2]}`")
        return value

    @model_validator(mode="after")
    def _one_thing(self) -> WaitFields:
        if sum(value is not None for value in (self.for_, self.until, self.file, self.event)) != 1:
            raise ValueError("a wait task needs exactly one of `for`, `until`, `file` and `event`")
        return self


TASK_TYPE = TaskType(
    name="wait",
    fields=WaitFields,
    waits="event",
    on_interrupt="retry",
    summary="Waits for a while, a moment, a file or an event, and outputs what came.",
)

Signature = list[int]
"""What tells one content of a file from another: device, inode, size, and when it was written, in nanoseconds."""


class WaitExecutor:
    """Looks for the file of a ``wait`` node. Times and events are the engine's own: it holds no thread for any of them."""

    api = 1
    task_type = TASK_TYPE

    def __init__(self) -> None:
        self._seen: dict[tuple[str, AttemptKey], Signature | None] = {}

    def execute(self, work: Work) -> Mapping[str, Any]:
        """The outputs of a file that is there. Raises ``TaskFailed`` where it is not."""
        found = self.look(work)
        if found is None:
            raise TaskFailed("FileNotFoundError", "what it waits for is not there")
        return found

    def look(self, work: Work) -> Mapping[str, Any] | None:
        """``path size modified`` of the awaited file; None while it is not there, or still grows. Raises ``TaskFailed``."""
        awaited = work.fields["file"]
        named, changed = (awaited["path"], awaited.get("changed", False)) if isinstance(awaited, Mapping) else (awaited, False)
        path, key = _place(work, str(named)), (work.execution_id, work.attempt)
        seen = _signature(path)
        before, self._seen[key] = self._seen.get(key), seen
        if changed and seen == _as_it_was(work, seen):
            return None
        # What is being written is another at each look.
        if seen is None or (seen != before and not _is_old(seen)):
            return None
        del self._seen[key]
        outputs: dict[str, Any] = {"path": str(path), "size": seen[2], "modified": _moment(seen[3] / 1e9)}
        return outputs | {name: path for name, declared in work.declared.items() if declared.type == "file"}


def _place(work: Work, named: str) -> Path:
    from yamlflow_nb.executors.source_file import source_path

    return source_path(work, named, "the awaited file")


def _signature(path: Path) -> Signature | None:
    try:
        told = os.stat(path)
    except OSError:
        return None
    return [told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns] if stat.S_ISREG(told.st_mode) else None


def _as_it_was(work: Work, now: Signature | None) -> Signature | None:
    """What the file was when it was first looked at, also when another process did that."""
    note = work.run_folder / "awaited.json"
    try:
        was: Signature | None = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        scratch = note.with_suffix(".new")
        scratch.write_text(json.dumps(now), encoding="utf-8")
        os.replace(scratch, note)
        return now
    return was


def _is_old(seen: Signature) -> bool:
    """Whether a file was last written long before now, so that one look tells that nobody writes it."""
    return dt.datetime.now(dt.timezone.utc) - _moment(seen[3] / 1e9) > dt.timedelta(seconds=60)


def _moment(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.timezone.utc)
