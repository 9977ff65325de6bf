"""The machine's clock."""

from __future__ import annotations

import time


class SystemClock:
    """Seconds since the epoch; within a process it never goes back, whatever is done to the machine's clock."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        return time.monotonic() + self._offset
