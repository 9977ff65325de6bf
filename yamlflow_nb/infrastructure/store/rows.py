"""Turns and executions as rows, and back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

from yamlflow_nb.domain.decision import DROPPED
from yamlflow_nb.domain.ports.cache import CachedResult
from yamlflow_nb.domain.ports.repository import Commit, ExecutionRecord, NodeRecord
from yamlflow_nb.domain.typed_json import dumps, loads
from yamlflow_nb.infrastructure.store.fact_codec import encode

_PLAIN = (
    "id", "pipeline", "version", "definition_hash", "source_name", "folder", "project", "initiator", "created_at",
    "idempotency_key", "status", "reason", "round", "finished_at", "owner", "expires_at", "ring",
    "for_worker",
)  # fmt: skip
_READ = (*_PLAIN, "epoch", "text", "inputs", "outputs")
COLUMNS = ", ".join(_READ)
_node_values = attrgetter(*(field.name for field in fields(NodeRecord)))
STATUSES = frozenset({"running", "waiting", "paused", "completed", "failed", "cancelled"})


class Rows:
    """One turn as rows; made before the transaction, so that what cannot be kept is found before anything is written."""

    def __init__(self, commit: Commit) -> None:
        key = commit.execution_id
        self.commit = commit
        self.facts = [
            (key, number, kind, fact.at, body)
            for number, fact in enumerate(commit.facts, start=commit.first)
            for kind, body in (encode(fact),)
        ]
        self.events = list(_events(commit))
        self.nodes = [(key, *_node_values(node)) for node in commit.nodes]
        self.variables = [(key, scope, name, dumps(value)) for scope, name, value in commit.variables if value is not DROPPED]
        self.dropped = [(key, scope, name) for scope, name, value in commit.variables if value is DROPPED]
        self.answers = [(answer, name) for name, answer in commit.answers]
        self.cached = [_cached(result) for result in commit.cached]
        self.outputs = dumps(commit.outputs) if commit.outputs is not None else None


def _events(commit: Commit) -> Iterator[tuple[Any, ...]]:
    """Events that a node's end stores share one payload, which is written out once."""
    last: Any = None
    text = ""
    for event in commit.events:
        if event.payload is not last:
            last, text = event.payload, dumps(event.payload)
        yield commit.execution_id, event.number, event.at, event.type, event.source, text, event.round


def _cached(result: CachedResult) -> tuple[Any, ...]:
    body = dumps(
        {
            "parts": result.parts, "outputs": result.outputs, "files": result.files, "written": list(result.written),
            "emitted": [list(one) for one in result.emitted],
        }
    )  # fmt: skip
    variant = hashlib.sha256(dumps(sorted(result.files.items())).encode()).hexdigest()
    return result.scope, result.key, variant, result.execution_id, result.at, body


def cached_result(row: Sequence[Any]) -> CachedResult:
    """``scope, key, execution_id, at, body`` as a result."""
    scope, key, execution_id, at, text = row
    body = loads(text)
    emitted = [(name, payload) for name, payload in body["emitted"]]
    return CachedResult(scope, key, body["parts"], execution_id, at, body["outputs"], emitted, body["files"], body["written"])


class EXECUTION:
    """How a new execution enters the store."""

    _INSERT = (
        f"INSERT INTO executions ({', '.join(_PLAIN)}, epoch, text_hash, facts) "  # noqa: S608
        f"VALUES ({', '.join('?' * len(_PLAIN))}, ?, ?, 0)"
    )

    @classmethod
    def insertions(cls, record: ExecutionRecord, epoch: int) -> Iterator[tuple[str, Sequence[Any]]]:
        """The statements, each with its values."""
        digest = hashlib.sha256(record.definition.encode()).hexdigest()
        yield "INSERT OR IGNORE INTO definitions VALUES (?, ?)", (digest, record.definition)
        yield cls._INSERT, (*(getattr(record, name) for name in _PLAIN), epoch, digest)
        yield "INSERT INTO given VALUES (?, ?, ?)", (record.id, dumps(record.inputs), dumps(record.outputs))


def execution_record(row: Sequence[Any]) -> ExecutionRecord:
    """A row as a record. One that was spoiled is told as set aside: a list must show the others all the same."""
    values = dict(zip(_READ, row))
    values["definition"] = values.pop("text")
    values["for_worker"] = bool(values["for_worker"])
    sound = values["status"] in STATUSES
    for name in ("inputs", "outputs"):
        try:
            values[name] = loads(values[name])
        except (ValueError, TypeError, KeyError):
            values[name], sound = {}, False
    if not sound:
        values["status"], values["reason"] = "paused", "quarantined"
    return ExecutionRecord(**values)
