"""The machine's clock."""

from __future__ import annotations

import time

from yamlflow_nb.infrastructure.process_identity import elapsed


class SystemClock:
    """Seconds since the epoch; within a process it never goes back, whatever is done to the machine's clock, and it goes on
    while the machine sleeps."""

    def __init__(self) -> None:
        self._offset = time.time() - elapsed()

    def now(self) -> float:
        return elapsed() + self._offset
