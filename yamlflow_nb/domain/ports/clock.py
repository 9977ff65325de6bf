"""What time it is."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


class Clock(Protocol):
    """Seconds since the epoch, never going back within a process."""

    def now(self) -> float: ...


@runtime_checkable
class VirtualClock(Protocol):
    """A clock that a loop with nothing to do sets to the next moment at which something is due, instead of waiting."""

    def now(self) -> float: ...

    def jump(self, to: float) -> None:
        """Make it ``to``; an earlier time changes nothing."""
