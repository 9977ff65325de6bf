"""Messages that are to be sent, kept until they are; and who sends them."""

from __future__ import annotations

from typing import Protocol

from yamlflow_nb.domain.notice import Notice


class Notices(Protocol):
    """An outbox: a notice is written in the commit of what it tells. One process at a time has a claim on it."""

    def claim_notices(self, owner: str, now: float, until: float) -> list[Notice]:
        """Those that are due and nobody sends: they are this owner's until then. Times are seconds since the epoch."""

    def settle_notice(self, notice_id: str, state: str, error: str | None, at: float, next_at: float = 0.0) -> None:
        """What became of it at a time: ``sent``, ``failed`` for good, or ``due`` again. Counts as a try."""

    def next_notice_at(self) -> float | None:
        """When one is due next; None: none is."""

    def notices(self, execution_id: str) -> list[Notice]:
        """All of an execution, oldest first."""


class Notifiers(Protocol):
    """Sends a notice by the notifier that it names."""

    def send(self, notice: Notice) -> None:
        """Raises ``NotSent``."""


class NotSent(Exception):
    """A notice could not be sent; ``again``: it may help to try later. The message holds no secrets."""

    def __init__(self, message: str, again: bool = True) -> None:
        super().__init__(message)
        self.again = again
