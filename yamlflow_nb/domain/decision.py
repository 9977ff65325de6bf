"""All that can be asked for: what ``decide`` wants done, in order, after its events are committed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Union

from yamlflow_nb.domain.event import AttemptKey
from yamlflow_nb.domain.pool import Demand
from yamlflow_nb.domain.value import value


class _Dropped:
    """In place of a value: the variable is no longer there."""

    def __repr__(self) -> str:
        return "DROPPED"


DROPPED = _Dropped()


class StoredEvent(NamedTuple):
    """One event of the history, as the orchestrator records it: number in the execution (from 1), time in seconds,
    type (``extract.completed``), source (a node's id, ``pipeline`` or ``custom``), payload, round."""

    number: int
    at: float
    type: str
    source: str
    payload: Mapping[str, Any]
    round: int


@value
class StartTask:
    """Hand an attempt to the executor of its type. ``inputs`` are the resolved bindings, ``fields`` the task's fields with
    their templates resolved; both are the task's own copies."""

    attempt: AttemptKey
    type: str
    inputs: Mapping[str, Any]
    fields: Mapping[str, Any]
    timeout: float | None = None


@value
class AskRoom:
    """Send ``RoomGranted`` when a pool has room for the next attempt of a node, or of one of its items (``resources``)."""

    node: str
    item: int | None
    demand: Demand
    priority: int = 0


@value
class StopTask:
    """Interrupt an attempt that no longer counts."""

    attempt: AttemptKey
    reason: str


@value
class SetTimer:
    """Send ``TimerFired`` at a time (seconds). ``spread``: up to so many seconds later, at random (``retry.jitter``)."""

    timer: str
    at: float
    spread: float = 0.0


@value
class CancelTimer:
    timer: str


@value
class Remind:
    """Tell people again of an approval that still waits: ``reminder``, or ``escalated`` to others (``who``) when its time was
    over."""

    attempt: AttemptKey
    kind: str
    who: tuple[str, ...] = ()


@value
class FinishExecution:
    """The execution reached its final state."""

    status: str
    reason: str | None
    outputs: Mapping[str, Any]


Decision = Union[StartTask, AskRoom, StopTask, SetTimer, CancelTimer, Remind, FinishExecution]


@dataclass(slots=True)
class Turn:
    """What one call of ``decide`` brought: committed together, then carried out in order.

    ``events`` are new rows of the history. ``changed`` names nodes whose state is to be stored anew.
    ``variables`` are new values, ``(scope, name, value)``, in order; ``DROPPED`` for one that is no longer there. ``decisions`` are
    for the world.
    """

    events: list[StoredEvent] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    changed: dict[str, None] = field(default_factory=dict)
    variables: list[tuple[str, str, Any]] = field(default_factory=list)
