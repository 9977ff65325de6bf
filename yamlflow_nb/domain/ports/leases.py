"""Who drives an execution: a lease with an epoch that counts the owners."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

TERMINAL_STATUS = frozenset({"completed", "failed", "cancelled"})


@dataclass(frozen=True)
class Standing:
    """Where an execution stands: the small part of its record that changes.

    ``owner`` is None when nobody drives it; ``expires_at`` counts by the store's clock. ``facts`` is the number of the last
    fact in the journal. ``ring`` is where its owner can be rung. ``loads`` counts how often it was taken
    since it last moved: of a process that dies of it each time there is left a number that grows.
    """

    status: str
    reason: str | None
    owner: str | None
    epoch: int
    expires_at: float
    facts: int
    ring: str | None = None
    loads: int = 0

    @property
    def has_ended(self) -> bool:
        return self.status in TERMINAL_STATUS


class Leases(Protocol):
    """Compare-and-set on the epoch: of many that want an execution one gets it, and whoever had it before writes no more."""

    def now(self) -> float:
        """The store's clock, by which leases expire: the same for all who share the store, and never set."""

    def standing(self, execution_id: str) -> Standing | None: ...

    def take(self, execution_id: str, owner: str, seen_epoch: int, seconds: float, ring: str | None) -> int | None:
        """Become the owner if the epoch is still the one seen: the new epoch, or None where another was faster."""

    def renew(self, owner: str, seconds: float) -> frozenset[str]:
        """Extend every lease of an owner; the executions that it still has."""

    def release(self, owner: str, execution_ids: Iterable[str]) -> None:
        """Let go: anyone may take these over at once."""

    def set_aside(self, execution_id: str, epoch: int, reason: str, why: str = "") -> None:
        """Mark an execution ``paused`` for a reason of the engine's own, and let go of it; under a stale epoch nothing. ``why`` is
        kept for whoever looks."""

    def why_set_aside(self, execution_id: str) -> str | None:
        """Why it was set aside last; None where it never was."""


class Presence(Protocol):
    """Which process this is, and whether another one is still there."""

    owner: str

    def is_gone(self, owner: str) -> bool:
        """Whether an owner has surely ended. False where that cannot be known: then its lease decides."""


class Bell(Protocol):
    """How processes on one machine wake each other. A ring says nothing but "look into the store"."""

    address: str | None
    """Where this process can be rung; None until it listens, or where nobody can ring."""

    def listen(self) -> None:
        """From now on call back at every ring."""

    def ring(self, address: str | None) -> bool:
        """Ring another; whether anybody was there."""

    def close(self) -> None: ...
