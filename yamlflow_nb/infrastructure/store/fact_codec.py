"""Facts → rows of the journal, and back. Each row carries its schema number, so that later readers can lift old ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from yamlflow_nb.domain import event
from yamlflow_nb.domain.event import AttemptKey, Fact, TaskError
from yamlflow_nb.domain.typed_json import dumps, loads

SCHEMA = 1
_KINDS: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        event.Started, event.TaskFinished, event.TaskEmitted, event.TaskOutputSet, event.TaskNoted, event.TaskWaiting,
        event.TimerFired, event.CustomEventSent, event.CancelRequested, event.PauseRequested, event.ResumeRequested,
        event.SkipRequested, event.RetryRequested, event.VariableSet, event.TakenOver, event.InterruptionAnswered,
        event.RoomGranted, event.PlaceGranted, event.PlaceRefused, event.ApprovalDecided,
    )
}  # fmt: skip
_AS_JSON: dict[str, Callable[[Any], Any]] = {"attempt": list, "error": dataclasses.asdict}
"""Fields whose values have a form of their own."""
_HEAD = f'{{"schema":{SCHEMA},"fact":'


def _default(field: dataclasses.Field[Any]) -> Any:
    """What a field holds where nothing was said; ``MISSING`` where something must be."""
    made = field.default_factory
    return field.default if made is dataclasses.MISSING else made()


_FIELDS = {
    kind: tuple((field.name, _default(field), _AS_JSON.get(field.name)) for field in dataclasses.fields(kind))
    for kind in _KINDS.values()
}


class UnreadableFact(ValueError):
    """A row of the journal that this version cannot read."""


def encode(fact: Fact) -> tuple[str, str]:
    """A fact's kind and its line of JSON; fields that hold what they hold by default are left out. Raises ``UnkeepableValue``."""
    values: dict[str, Any] = {}
    for name, default, as_json in _FIELDS[type(fact)]:
        value = getattr(fact, name)
        if default is dataclasses.MISSING or value != default:
            values[name] = value if as_json is None else as_json(value)
    return type(fact).__name__, f"{_HEAD}{dumps(values)}}}"


def decode(kind: str, line: str) -> Fact:
    """The fact of a row. Raises ``UnreadableFact``."""
    row = loads(line)
    if kind not in _KINDS or row.get("schema") != SCHEMA:
        raise UnreadableFact(f"a fact of kind {kind!r}, schema {row.get('schema')!r}, was written by another version")
    values = row["fact"]
    if "attempt" in values:
        values["attempt"] = AttemptKey(*values["attempt"])
    if values.get("error") is not None:
        values["error"] = TaskError(**values["error"])
    for name in ("nodes", "with_nodes"):
        if name in values:
            values[name] = tuple(values[name])
    fact: Fact = _KINDS[kind](**values)
    return fact
