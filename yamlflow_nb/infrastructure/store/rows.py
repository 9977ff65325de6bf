"""Turns and executions as rows, and back."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

from yamlflow_nb.domain.decision import DROPPED
from yamlflow_nb.domain.event import ApprovalDecided
from yamlflow_nb.domain.ports.repository import Commit, ExecutionRecord
from yamlflow_nb.domain.typed_json import dumps, loads
from yamlflow_nb.infrastructure.store.fact_codec import encode
from yamlflow_nb.infrastructure.store.sqlite_notices import row_of

_PLAIN = (
    "id", "pipeline", "version", "definition_hash", "source_name", "folder", "project", "initiator", "created_at",
    "idempotency_key", "status", "reason", "round", "finished_at", "owner", "expires_at", "ring", "for_worker",
    "parent_id", "parent_node", "parent_attempt",
)  # fmt: skip
_READ = (*_PLAIN, "epoch", "text", "inputs", "outputs", "pins")
COLUMNS = ", ".join(_READ)
STATUSES = frozenset({"running", "waiting", "paused", "completed", "failed", "cancelled"})


class Rows:
    """One turn as rows; made before the transaction, so that what cannot be kept is found before anything is written. A table's
    rows stand in one list, value after value: a turn may have a hundred thousand, and each as a tuple would be one more object."""

    def __init__(self, commit: Commit) -> None:
        self.commit = commit
        self.facts = _facts(commit)
        self.decisions = [
            (fact, self.facts[5 * place + 4]) for place, fact in enumerate(commit.facts) if isinstance(fact, ApprovalDecided)
        ]
        self.events = _events(commit)
        self.nodes = _nodes(commit)
        self.notices = [row_of(notice) for notice in commit.notices]
        self.variables = _variables(commit)
        self.dropped = [(commit.execution_id, scope, name) for scope, name, value in commit.variables if value is DROPPED]
        self.answers = [(answer, name) for name, answer in commit.answers]
        self.outputs = dumps(commit.outputs) if commit.outputs is not None else None


def _facts(commit: Commit) -> list[Any]:
    key = commit.execution_id
    values: list[Any] = []
    for number, fact in enumerate(commit.facts, start=commit.first):
        kind, body = encode(fact)
        values += key, number, kind, fact.at, body
    return values


def _events(commit: Commit) -> list[Any]:
    """Events that a node's end stores share one payload, which is written out once."""
    key = commit.execution_id
    values: list[Any] = []
    last: Any = None
    text = ""
    for number, at, kind, source, payload, round_ in commit.events:
        if payload is not last:
            last, text = payload, dumps(payload)
        values += key, number, at, kind, source, text, round_
    return values


def _nodes(commit: Commit) -> list[Any]:
    key = commit.execution_id
    values: list[Any] = []
    for node in commit.nodes:
        values.append(key)
        values += node
    return values


def _variables(commit: Commit) -> list[Any]:
    key = commit.execution_id
    values: list[Any] = []
    for scope, name, value in commit.variables:
        if value is not DROPPED:
            values += key, scope, name, dumps(value)
    return values


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
        yield (
            "INSERT INTO given (execution_id, inputs, outputs, pins) VALUES (?, ?, ?, ?)",
            (record.id, dumps(record.inputs), dumps(record.outputs), dumps(record.pins)),
        )


def execution_record(row: Sequence[Any]) -> ExecutionRecord:
    """A row as a record. One that was spoiled is told as set aside: a list must show the others all the same."""
    values = dict(zip(_READ, row))
    values["definition"] = values.pop("text")
    values["for_worker"] = bool(values["for_worker"])
    sound = values["status"] in STATUSES
    for name in ("inputs", "outputs", "pins"):
        try:
            values[name] = loads(values[name])
        except (ValueError, TypeError, KeyError):
            values[name], sound = {}, False
    if not sound:
        values["status"], values["reason"] = "paused", "quarantined"
    return ExecutionRecord(**values)
