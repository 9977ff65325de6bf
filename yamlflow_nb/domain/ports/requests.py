"""What one process asks of the owner of an execution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from yamlflow_nb.domain.event import Fact

APPLIED = "applied"


@dataclass(frozen=True)
class Request:
    """A fact that another process wants an execution to take in. ``fact.by`` says who asks; ``id`` makes it count once."""

    id: str
    execution_id: str
    fact: Fact


class Requests(Protocol):
    """A request is written by whoever asks, and answered by the owner in the very transaction that carries it out."""

    def ask(self, request: Request) -> None:
        """Write a request; one that is there already stays as it is."""

    def asked(self, owner: str) -> list[Request]:
        """The open requests to executions of an owner, oldest first."""

    def answer(self, request_id: str) -> str | None:
        """What became of a request: ``applied``, why it was refused, or None while it is open."""

    def refuse(self, request_id: str, why: str) -> None:
        """Close a request that changes nothing."""
