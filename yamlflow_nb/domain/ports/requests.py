"""What one process asks of the owner of an execution."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from yamlflow_nb.domain.event import Fact

APPLIED = "applied"
MOVED_ON = "somebody drives it now"


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

    def ask_nobody(self, request: Request, epoch: int, refused: Callable[[Sequence[Request]], str | None]) -> str | None:
        """Write a request to an execution that nobody drives, for the next owner. ``refused`` is given the requests that wait
        there and says why this one does not count beside them: all in one step, so that of many that ask at one moment each sees
        those before it. Gives why it was not written; an ``epoch`` that is not the one seen any more is ``MOVED_ON``."""

    def waiting_requests(self, execution_id: str) -> list[Request]:
        """The open requests to an execution, oldest first."""

    def asked(self, owner: str) -> list[Request]:
        """The open requests to executions of an owner, oldest first."""

    def answer(self, request_id: str) -> str | None:
        """What became of a request: ``applied``, why it was refused, or None while it is open."""

    def refuse(self, request_id: str, why: str) -> None:
        """Close a request that changes nothing."""
