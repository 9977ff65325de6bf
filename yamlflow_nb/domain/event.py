"""All that can have happened: the facts that reach an execution, and the events that it stores.

Facts come in from the world (a task's result, a click, a timer) and carry their time; ``decide`` turns each into
stored events and decisions. Times are seconds since the epoch (of virtual time in ``simulate``).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Union

from yamlflow_nb.domain.value import value


@dataclass
class Event:
    """A stored fact about one execution, numbered in commit order."""

    event_id: str
    execution_id: str
    event_type: str
    timestamp: dt.datetime
    source: str
    payload: dict[str, Any] = field(default_factory=dict)


class AttemptKey(NamedTuple):
    """Which attempt: node, round, iteration (from 1, 0 without ``repeat``), item (None without ``forEach``), number (from 1)."""

    node: str
    round: int
    iteration: int
    item: int | None
    number: int


@value
class TaskError:
    """The error of a failed attempt, for people and for expressions."""

    type: str = ""
    message: str = ""


AttemptState = Literal["completed", "failed", "timed_out", "rejected", "approved", "interrupted", "outputs", "cancelled"]
"""``outputs``: the work was done, but what it gave is not what was declared, or cannot be kept. ``cancelled``: a person ended it,
so that it is not tried again."""


@value
class Started:
    """The execution begins. ``inputs`` are checked and typed already; ``system`` holds the ``system.*`` names. ``held`` is
    why nothing starts yet: ``concurrency``, before ``PlaceGranted``; ``worker``, before a worker takes it over."""

    at: float
    inputs: Mapping[str, Any] = field(default_factory=dict)
    system: Mapping[str, Any] = field(default_factory=dict)
    held: Literal["", "concurrency", "worker"] = ""


@value
class TaskFinished:
    """The result of one attempt; one that comes twice or too late changes nothing. ``files`` are those that the attempt was
    read from (notebook, query, program), path → SHA-256."""

    at: float
    attempt: AttemptKey
    state: AttemptState = "completed"
    outputs: Mapping[str, Any] = field(default_factory=dict)
    error: TaskError | None = None
    exit_code: int | None = None
    files: Mapping[str, str] = field(default_factory=dict)


@value
class TaskEmitted:
    """A running task emitted a declared event of its own."""

    at: float
    attempt: AttemptKey
    name: str
    payload: Mapping[str, Any] = field(default_factory=dict)


@value
class TaskOutputSet:
    """A running task set outputs early (``yamlflow_nb.output``)."""

    at: float
    attempt: AttemptKey
    outputs: Mapping[str, Any]


@value
class TaskNoted:
    """What an attempt met that its reader should know: a file that was changed since the attempt before, a process that did not
    end. It changes nothing."""

    at: float
    attempt: AttemptKey
    text: str


@value
class TaskWaiting:
    """A running task waits for a person, an event, a child or a timer; ``resumed`` ends the waiting. ``people``: only people or
    events can move it. ``told`` is what its event says."""

    at: float
    attempt: AttemptKey
    resumed: bool = False
    people: bool = False
    told: Mapping[str, Any] = field(default_factory=dict)


@value
class TimerFired:
    """A durable timer that ``decide`` had asked for came due."""

    at: float
    timer: str


@value
class RoomGranted:
    """A pool has room for the attempt that ``decide`` had asked room for."""

    at: float
    node: str
    item: int | None = None


@value
class PlaceGranted:
    """Fewer executions of the pipeline than its ``concurrency.limit`` run: this one may."""

    at: float


@value
class PlaceRefused:
    """As many run as may, and the policy is not to wait: the execution ends as ``status`` (``fail``, ``skip``)."""

    at: float
    status: Literal["failed", "cancelled"]
    why: str


@value
class CustomEventSent:
    """``custom.<name>`` sent from outside. One ``key`` counts once, however often it is sent."""

    at: float
    name: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    by: str | None = None
    key: str | None = None


@value
class CancelRequested:
    at: float
    by: str | None = None
    now: bool = False


@value
class PauseRequested:
    at: float
    by: str | None = None


@value
class ResumeRequested:
    at: float
    by: str | None = None


@value
class SkipRequested:
    """A person skips a pending node (reason ``manual``)."""

    at: float
    node: str
    by: str | None = None


@value
class RetryRequested:
    """A person opens the next round. ``nodes`` empty: every failed and cancelled one. ``with_nodes``: completed ones that
    run again too. ``failed_items``: of ``forEach`` nodes the failed items, also where the node completed."""

    at: float
    nodes: tuple[str, ...] = ()
    with_nodes: tuple[str, ...] = ()
    failed_items: bool = False
    by: str | None = None


@value
class TakenOver:
    """Another process drives the execution from here on: every attempt that was at work is interrupted, and a pause is
    over. ``owner`` is the new one; ``by`` asked for it."""

    at: float
    owner: str = ""
    by: str | None = None


@value
class InterruptionAnswered:
    """A person says what becomes of an interrupted attempt (``onInterrupt: ask``). ``item`` None: of all that ask."""

    at: float
    node: str
    answer: Literal["retry", "fail"]
    item: int | None = None
    by: str | None = None


@value
class ApprovalDecided:
    """A person decided on an approval. ``by`` is who, as the machine knows them; ``decided_at`` when (a decision given while nobody
    drove the execution is taken in later, at ``at``); ``shown`` the hash of what they saw; ``origin`` from where they said it.
    ``form`` holds the typed values of the form, ``asked`` what was shown."""

    at: float
    attempt: AttemptKey
    id: str
    action: str
    by: str
    decided_at: float
    shown: str
    rejects: bool = False
    form: Mapping[str, Any] = field(default_factory=dict)
    comment: str = ""
    origin: str = ""
    asked: Mapping[str, Any] = field(default_factory=dict)


@value
class VariableSet:
    """A person sets a variable of a paused execution."""

    at: float
    reference: str
    value: Any
    by: str | None = None


Fact = Union[
    Started, TaskFinished, TaskEmitted, TaskOutputSet, TaskNoted, TaskWaiting, TimerFired, CustomEventSent, CancelRequested,
    PauseRequested, ResumeRequested, SkipRequested, RetryRequested, VariableSet, TakenOver, InterruptionAnswered,
    ApprovalDecided,
    RoomGranted, PlaceGranted, PlaceRefused,
]  # fmt: skip
