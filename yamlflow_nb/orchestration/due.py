"""When a ``wait`` node's time has come: worked out from its fields as its attempt starts, so that every replay finds the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.domain.execution_plan import PlannedNode
from yamlflow_nb.language.durations import FORMS, parse_duration
from yamlflow_nb.language.moments import ZONED, parse_moment
from yamlflow_nb.orchestration.event_manager import timestamp
from yamlflow_nb.orchestration.judgement import Unjudgeable


def due_at(planned: PlannedNode, fields: Mapping[str, Any], now: float) -> float | None:
    """Seconds since the epoch at which ``for`` or ``until`` is over; None where something else is awaited. Raises ``Unjudgeable``
    for values that are no duration and no moment."""
    if fields.get("for") is not None:
        seconds = parse_duration(fields["for"])
        if seconds is None:
            raise _no(planned, "for", fields["for"], f"durations: {FORMS}")
        return now + seconds
    if fields.get("until") is not None:
        moment = parse_moment(fields["until"])
        if moment is None:
            raise _no(planned, "until", fields["until"], ZONED)
        return (moment - timestamp(0)).total_seconds()
    return None


def awaited_of(planned: PlannedNode, fields: Mapping[str, Any], due: float | None) -> dict[str, Any]:
    """What a node waits for, as the history tells it."""
    if planned.awaited is not None:
        return {"event": f"custom.{planned.awaited[1]}"}
    if due is not None:
        return {"until": timestamp(due)}
    return {"file": fields["file"]} if fields.get("file") is not None else {}


def _no(planned: PlannedNode, field: str, value: Any, forms: str) -> Unjudgeable:
    text = repr(value)
    return Unjudgeable(Diagnostic("YF401", "error", f"`{field}` of `{planned.id}` is {text[:80]}: {forms}"))
