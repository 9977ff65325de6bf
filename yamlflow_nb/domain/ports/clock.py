"""What time it is."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Seconds since the epoch, never going back within a process."""

    def now(self) -> float: ...
