"""Where executions are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from yamlflow_nb.domain.decision import StoredEvent
from yamlflow_nb.domain.event import Fact
from yamlflow_nb.domain.notice import Notice
from yamlflow_nb.domain.ports.catalogue import Catalogue
from yamlflow_nb.domain.ports.leases import Leases
from yamlflow_nb.domain.ports.notices import Notices
from yamlflow_nb.domain.ports.places import Places
from yamlflow_nb.domain.ports.requests import Requests


@dataclass
class ExecutionRecord:
    """One execution as the store lists it. Times are seconds since the epoch. ``owner``, ``epoch`` and ``expires_at`` are its
    lease; ``ring`` is where the owner can be rung. ``for_worker``: a worker drives it, none of those who look at it.

    Of a child ``parent_id`` is the execution that started it, ``parent_node`` the node (``score``, of a ``forEach`` ``score[3]``),
    ``parent_attempt`` the attempt for which it was made. ``pins`` are the versions that names without one stood for at its start.
    """

    id: str
    pipeline: str
    version: str | None
    definition_hash: str
    definition: str
    source_name: str
    folder: str
    project: str
    inputs: Mapping[str, Any]
    status: str
    reason: str | None
    initiator: str
    created_at: float
    finished_at: float | None = None
    round: int = 1
    outputs: Mapping[str, Any] = field(default_factory=dict)
    idempotency_key: str | None = None
    owner: str | None = None
    epoch: int = 0
    expires_at: float = 0.0
    ring: str | None = None
    for_worker: bool = False
    parent_id: str | None = None
    parent_node: str | None = None
    parent_attempt: str | None = None
    pins: Mapping[str, str] = field(default_factory=dict)


class NodeRecord(NamedTuple):
    """One node of an execution as the store keeps it."""

    node: str
    state: str
    reason: str | None
    attempts: int
    started_at: float | None
    finished_at: float | None
    error: str | None
    round: int = 1


@dataclass
class Commit:
    """What one turn of an execution changes, written in one transaction or not at all.

    ``epoch`` is the writer's lease: a stale one is refused. ``first`` is the number of its first fact: the same commit made
    twice is written once. ``created``: the execution begins with this commit. ``answers``: requests that it settles. ``variables``
    are ``(scope, name, value)``, with ``DROPPED`` for one that is no longer there. ``notices`` are to be sent.
    """

    execution_id: str
    epoch: int
    first: int
    facts: Sequence[Fact]
    events: Sequence[StoredEvent]
    nodes: Sequence[NodeRecord]
    variables: Sequence[tuple[str, str, Any]]
    status: str
    reason: str | None
    round: int
    at: float
    outputs: Mapping[str, Any] | None = None
    created: ExecutionRecord | None = None
    answers: Sequence[tuple[str, str]] = ()
    notices: Sequence[Notice] = ()


class Repository(Leases, Places, Requests, Catalogue, Notices, Protocol):
    """Executions, their facts (the journal from which ``decide`` gives everything back), events, node states, variables.

    Any call may be made twice with the same effect as once. Raises the errors of ``domain.store_error``.
    """

    def commit(self, commits: Sequence[Commit]) -> None:
        """Write the turns of one or more executions, in one transaction. Raises ``OwnershipLost``, ``KeyTaken``."""

    def execution(self, execution_id: str) -> ExecutionRecord | None: ...

    def executions(self, project: str | None = None, limit: int = 50, *, with_children: bool = False) -> list[ExecutionRecord]:
        """The newest first, of a project or of all; ``with_children``: also those that nodes of others started."""

    def children(self, parent_id: str) -> list[ExecutionRecord]:
        """Those that nodes of one execution started, oldest first."""

    def for_workers(self) -> list[ExecutionRecord]:
        """Those that have not ended and that a worker is to drive, oldest first."""

    def started_under(self, idempotency_key: str) -> str | None:
        """The execution that was started under a key, or None."""

    def facts(self, execution_id: str, since: int = 0) -> list[Fact]:
        """The journal after fact number ``since``, in order. Raises ``UnreadableRecord``."""

    def events(self, execution_id: str, since: int = 0) -> list[StoredEvent]: ...

    def nodes(self, execution_id: str) -> list[NodeRecord]: ...

    def variables(self, execution_id: str) -> dict[str, Any]: ...

    def close(self) -> None: ...
