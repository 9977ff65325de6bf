"""Without an id: the only or newest execution of this project that a verb fits."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from yamlflow_nb.domain.ports.repository import ExecutionRecord
from yamlflow_nb.services.command_error import CommandError

LIVE = ("running", "waiting", "paused")
FITTING: dict[str, tuple[str, ...]] = {
    "resume": ("interrupted", "paused"),
    "cancel": (*LIVE, "interrupted"),
    "pause": ("running", "waiting"),
    "retry": ("failed", "cancelled"),
    "retry completed": ("completed", "failed", "cancelled"),
    "answer": ("waiting", "interrupted", "running", "paused"),
    "approve": (*LIVE, "interrupted"),
    "reject": (*LIVE, "interrupted"),
    "skip": (*LIVE, "interrupted"),
    "set-variable": ("paused",),
    "event send": (*LIVE, "interrupted"),
}
"""The states in which a verb has something to do; the first is preferred."""
_SHOWN = 5


def choose(verb: str, executions: Callable[[bool], Iterable[ExecutionRecord]]) -> str:
    """The id of the execution that is meant. ``executions(everywhere)`` gives the newest first, of this project or of all.

    Of another project one is only taken where it is the only one. Raises ``CommandError``: YF701 there is none at all, YF732 none
    fits, YF726 several do and which is meant cannot be known.
    """
    here = _fitting(verb, executions(False))
    if here:
        return here.id
    elsewhere = list(executions(True))
    if not elsewhere:
        raise CommandError("YF701", "there are no executions yet", "yamlflow run FILE starts one")
    found = [record for record in elsewhere if record.status in FITTING[verb]]
    if len(found) == 1:
        return found[0].id
    if found:
        raise _several(found, "of other projects could be meant")
    newest = elsewhere[0]
    states = " or ".join(FITTING[verb])
    raise CommandError("YF732", f"no execution is {states}", f"the newest, {newest.id}, is {newest.status}: yamlflow show")


def matching(records: Iterable[ExecutionRecord], pipeline: str, where: Mapping[str, Any]) -> list[str]:
    """The ids of all executions of a pipeline that have not ended and were started with these inputs. Raises ``CommandError``
    (YF732) where there is none."""
    states = FITTING["event send"]
    found = [
        record.id
        for record in records
        if record.pipeline == pipeline and record.status in states and where.items() <= dict(record.inputs).items()
    ]
    if not found:
        told = "".join(f", {name}={value!r}" for name, value in where.items())
        raise CommandError("YF732", f"no execution of `{pipeline}`{told} waits or runs", "yamlflow list shows what does")
    return found


def _fitting(verb: str, records: Iterable[ExecutionRecord]) -> ExecutionRecord | None:
    """The newest that fits. Of several interrupted ones nobody can know which is to be resumed."""
    found = [record for record in records if record.status in FITTING[verb]]
    if verb == "resume":
        interrupted = [record for record in found if record.status == "interrupted"]
        if len(interrupted) > 1:
            raise _several(interrupted, "are interrupted")
        found = interrupted or found
    return found[0] if found else None


def _several(found: Sequence[ExecutionRecord], what: str) -> CommandError:
    lines = [f"  {record.id}  {record.status:<11}  {record.pipeline}" for record in found[:_SHOWN]]
    more = [f"  and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
    told = "\n".join([f"several executions {what}:", *lines, *more])
    return CommandError("YF726", told, "name one: its id, or the beginning of it")
