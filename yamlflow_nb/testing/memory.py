"""A store in memory: ``Repository`` with the same behaviour as the one on disk, held by the same tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from yamlflow_nb.domain.decision import DROPPED, StoredEvent
from yamlflow_nb.domain.event import Fact
from yamlflow_nb.domain.notice import Notice
from yamlflow_nb.domain.ports.catalogue import Kind, Published
from yamlflow_nb.domain.ports.leases import TERMINAL_STATUS, Standing
from yamlflow_nb.domain.ports.places import PlaceAnswer
from yamlflow_nb.domain.ports.repository import Commit, ExecutionRecord, NodeRecord
from yamlflow_nb.domain.ports.requests import MOVED_ON, Request
from yamlflow_nb.domain.store_error import KeyTaken, OwnershipLost


@dataclass
class _Kept:
    """One execution."""

    record: ExecutionRecord
    facts: list[Fact] = field(default_factory=list)
    events: list[StoredEvent] = field(default_factory=list)
    nodes: dict[str, NodeRecord] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    loads: int = 0


@dataclass
class _Place:
    """Of one execution among those of a key: taken, or stood in line for."""

    key: str
    taken: bool = False


class MemoryBell:
    """``Bell`` between the loops that share one repository in memory."""

    def __init__(self, bells: dict[str, Callable[[], None]], name: str, rung: Callable[[], None]) -> None:
        self.address: str | None = None
        self._bells = bells
        self._name = name
        self._rung = rung

    def listen(self) -> None:
        self.address = self._name
        self._bells[self._name] = self._rung

    def ring(self, address: str | None) -> bool:
        rung = self._bells.get(address or "")
        if rung is not None:
            rung()
        return rung is not None

    def close(self) -> None:
        self._bells.pop(self._name, None)


class InMemoryRepository:
    """Everything in dictionaries; several loops may share one, as processes share a file. ``clock`` counts the leases."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.now = clock
        self._kept: dict[str, _Kept] = {}
        self._requests: dict[str, Request] = {}
        self._answers: dict[str, str] = {}
        self._published: dict[tuple[str, str, str, str], Published] = {}
        self._notices: dict[str, Notice] = {}
        self._aside: dict[str, str] = {}
        self._places: dict[str, _Place] = {}
        self._lock = threading.RLock()
        self._bells: dict[str, Callable[[], None]] = {}

    def bell(self, owner: str, rung: Callable[[], None]) -> MemoryBell:
        """How the loops that share this are rung: ``KernelLoop(..., bell=repository.bell)``."""
        return MemoryBell(self._bells, owner, rung)

    # --- turns -------------------------------------------------------------------------------------------------------

    def commit(self, commits: Sequence[Commit]) -> None:
        with self._lock:
            fresh = [commit for commit in commits if not self._is_written(commit)]
            for commit in fresh:
                self._write(commit)

    def _is_written(self, commit: Commit) -> bool:
        """Whether this very commit is there already. Raises when it may not be."""
        kept, created = self._kept.get(commit.execution_id), commit.created
        if kept is None:
            if created is None:
                raise OwnershipLost({commit.execution_id})
            if created.idempotency_key is not None and self.started_under(created.idempotency_key) is not None:
                raise KeyTaken(f"another execution was started under {created.idempotency_key!r}")
            return False
        if kept.record.epoch != commit.epoch:
            raise OwnershipLost({commit.execution_id})
        return len(kept.facts) >= commit.first

    def _write(self, commit: Commit) -> None:
        if commit.created is not None:
            self._kept[commit.execution_id] = _Kept(replace(commit.created, epoch=commit.epoch))
        kept = self._kept[commit.execution_id]
        kept.facts.extend(commit.facts)
        kept.loads = 0
        kept.events.extend(commit.events)
        kept.nodes.update({node.node: node for node in commit.nodes})
        for scope, name, value in commit.variables:
            if value is DROPPED:
                kept.variables.pop(f"{scope}.{name}", None)
            else:
                kept.variables[f"{scope}.{name}"] = value
        for request_id, answer in commit.answers:
            self._answers[request_id] = answer
        for notice in commit.notices:
            self._notices.setdefault(notice.id, notice)
        record = kept.record
        record.status, record.reason, record.round = commit.status, commit.reason, commit.round
        record.finished_at = commit.at if commit.status in TERMINAL_STATUS else None
        if commit.outputs is not None:
            record.outputs = commit.outputs
        if record.finished_at is not None:
            record.owner, record.expires_at, record.ring = None, 0.0, None

    # --- looking -----------------------------------------------------------------------------------------------------

    def execution(self, execution_id: str) -> ExecutionRecord | None:
        with self._lock:
            kept = self._kept.get(execution_id)
            return replace(kept.record) if kept is not None else None

    def executions(self, project: str | None = None, limit: int = 50, *, with_children: bool = False) -> list[ExecutionRecord]:
        with self._lock:
            found = [replace(kept.record) for kept in self._kept.values() if project in (None, kept.record.project)]
        found = [record for record in found if with_children or record.parent_id is None]
        found.reverse()
        return sorted(found, key=lambda record: record.created_at, reverse=True)[:limit]

    def children(self, parent_id: str) -> list[ExecutionRecord]:
        with self._lock:
            return [replace(kept.record) for kept in self._kept.values() if kept.record.parent_id == parent_id]

    def for_workers(self) -> list[ExecutionRecord]:
        found = [record for record in self.executions(limit=len(self._kept)) if record.for_worker and record.finished_at is None]
        return sorted(found, key=lambda record: record.created_at)

    def started_under(self, idempotency_key: str) -> str | None:
        with self._lock:
            return next((kept.record.id for kept in self._kept.values() if kept.record.idempotency_key == idempotency_key), None)

    def facts(self, execution_id: str, since: int = 0) -> list[Fact]:
        with self._lock:
            kept = self._kept.get(execution_id)
            return kept.facts[since:] if kept is not None else []

    def events(self, execution_id: str, since: int = 0) -> list[StoredEvent]:
        with self._lock:
            kept = self._kept.get(execution_id)
            return [event for event in kept.events if event.number > since] if kept is not None else []

    def nodes(self, execution_id: str) -> list[NodeRecord]:
        with self._lock:
            kept = self._kept.get(execution_id)
            return list(kept.nodes.values()) if kept is not None else []

    def variables(self, execution_id: str) -> Mapping[str, Any]:
        with self._lock:
            kept = self._kept.get(execution_id)
            return dict(kept.variables) if kept is not None else {}

    # --- leases ------------------------------------------------------------------------------------------------------

    def standing(self, execution_id: str) -> Standing | None:
        with self._lock:
            kept = self._kept.get(execution_id)
            if kept is None:
                return None
            record = kept.record
            return Standing(
                record.status, record.reason, record.owner, record.epoch, record.expires_at, len(kept.facts), record.ring,
                kept.loads,
            )  # fmt: skip

    def take(self, execution_id: str, owner: str, seen_epoch: int, seconds: float, ring: str | None) -> int | None:
        with self._lock:
            kept = self._kept.get(execution_id)
            if kept is None:
                return None
            record = kept.record
            mine = record.owner == owner and record.epoch == seen_epoch + 1
            if record.epoch != seen_epoch and not mine:
                return None
            kept.loads += record.epoch == seen_epoch
            record.owner, record.epoch, record.expires_at, record.ring = owner, seen_epoch + 1, self.now() + seconds, ring
            return record.epoch

    def renew(self, owner: str, seconds: float) -> frozenset[str]:
        with self._lock:
            found = [kept.record for kept in self._kept.values() if kept.record.owner == owner]
            for record in found:
                record.expires_at = self.now() + seconds
            return frozenset(record.id for record in found)

    def release(self, owner: str, execution_ids: Iterable[str]) -> None:
        with self._lock:
            for name in execution_ids:
                kept = self._kept.get(name)
                if kept is not None and kept.record.owner == owner:
                    kept.record.owner, kept.record.expires_at, kept.record.ring = None, 0.0, None

    def set_aside(self, execution_id: str, epoch: int, reason: str, why: str = "") -> None:
        with self._lock:
            record = self._kept[execution_id].record
            if record.epoch != epoch:
                return
            record.status, record.reason, record.owner, record.expires_at, record.ring = "paused", reason, None, 0.0, None
            if why:
                self._aside[execution_id] = why

    def why_set_aside(self, execution_id: str) -> str | None:
        with self._lock:
            return self._aside.get(execution_id)

    # --- places ------------------------------------------------------------------------------------------------------

    def take_place(self, execution_id: str, key: str, limit: int, is_driven: Callable[[str | None, float], bool]) -> PlaceAnswer:
        with self._lock:
            own = self._places.setdefault(execution_id, _Place(key))
            holders: list[str] = []
            ahead, mine = 0, False
            for name, place in self._places.items():
                record = self._kept[name].record
                if name == execution_id:
                    mine = True
                elif place.key == key and record.finished_at is None and is_driven(record.owner, record.expires_at):
                    holders += [name] if place.taken else []
                    ahead += not place.taken and not mine
            own.taken = own.taken or len(holders) + ahead < limit
            return PlaceAnswer(own.taken, tuple(holders))

    def leave_place(self, execution_id: str) -> tuple[str, ...]:
        with self._lock:
            left = self._places.pop(execution_id, None)
            waiting = [name for name, place in self._places.items() if left is not None and place.key == left.key]
            records = [self._kept[name].record for name in waiting if not self._places[name].taken]
            return tuple(dict.fromkeys(record.ring for record in records if record.ring and record.finished_at is None))

    # --- requests ----------------------------------------------------------------------------------------------------

    def ask(self, request: Request) -> None:
        with self._lock:
            self._requests.setdefault(request.id, request)

    def ask_nobody(self, request: Request, epoch: int, refused: Callable[[Sequence[Request]], str | None]) -> str | None:
        with self._lock:
            if request.id in self._requests:
                return None
            if self._kept[request.execution_id].record.epoch != epoch:
                return MOVED_ON
            why = refused(self.waiting_requests(request.execution_id))
            if why is None:
                self.ask(request)
            return why

    def waiting_requests(self, execution_id: str) -> list[Request]:
        with self._lock:
            open_ = [one for one in self._requests.values() if one.id not in self._answers]
            return [one for one in open_ if one.execution_id == execution_id]

    def asked(self, owner: str) -> list[Request]:
        with self._lock:
            return [
                request
                for request in self._requests.values()
                if request.id not in self._answers and self._kept[request.execution_id].record.owner == owner
            ]

    def answer(self, request_id: str) -> str | None:
        with self._lock:
            return self._answers.get(request_id)

    def refuse(self, request_id: str, why: str) -> None:
        with self._lock:
            self._answers.setdefault(request_id, why)

    # --- what was published ------------------------------------------------------------------------------------------

    def publish(self, published: Published) -> Published:
        with self._lock:
            key = (published.kind, published.namespace, published.name, published.version)
            return self._published.setdefault(key, published)

    def published(self, kind: Kind, namespace: str, name: str, version: str | None = None) -> Published | None:
        return next((one for one in self.catalogue(kind, namespace, name) if version in (None, one.version)), None)

    def catalogue(self, kind: Kind, namespace: str | None = None, name: str | None = None) -> list[Published]:
        with self._lock:
            found = [one for key, one in self._published.items() if key[0] == kind]
        if name is not None:
            found = [one for one in found if (one.namespace, one.name) == (namespace or "default", name)]
        found.reverse()
        return sorted(sorted(found, key=lambda one: one.at, reverse=True), key=lambda one: (one.namespace, one.name))
    # --- notices -----------------------------------------------------------------------------------------------------

    def claim_notices(self, owner: str, now: float, until: float) -> list[Notice]:
        with self._lock:
            found = [one for one in self._notices.values() if one.state == "due" and one.next_at <= now]
            self._notices.update({one.id: replace(one, next_at=until) for one in found})
            return found

    def settle_notice(self, notice_id: str, state: str, error: str | None, at: float, next_at: float = 0.0) -> None:
        with self._lock:
            one = self._notices[notice_id]
            sent = at if state == "sent" else None
            self._notices[notice_id] = replace(one, state=state, error=error, next_at=next_at, tries=one.tries + 1, sent_at=sent)

    def next_notice_at(self) -> float | None:
        with self._lock:
            return min((one.next_at for one in self._notices.values() if one.state == "due"), default=None)

    def notices(self, execution_id: str) -> list[Notice]:
        with self._lock:
            return [one for one in self._notices.values() if one.execution_id == execution_id]

    def close(self) -> None:
        """Nothing to close: other loops may still use it."""
