"""What is looked at again and again until it is there: one thread for all of it, and none while there is nothing to look at."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

LOOK_SECONDS = 1.0
"""Between two looks at the same thing."""


class Watching:
    """Calls each look about once a second until it says that there is nothing more to look for. A look never raises."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._looks: list[Callable[[], bool]] = []
        self._new = threading.Event()
        self._is_awake = False

    def add(self, look: Callable[[], bool]) -> None:
        """Look at once, in the thread of all looks, and then again and again."""
        with self._lock:
            self._looks.append(look)
            self._new.set()
            if not self._is_awake:
                self._is_awake = True
                threading.Thread(target=self._serve, name="yamlflow-watch", daemon=True).start()

    def _serve(self) -> None:
        seen: set[int] = set()
        due = time.monotonic()
        while True:
            with self._lock:
                self._new.clear()
                looks = list(self._looks)
                if not looks:
                    self._is_awake = False
                    return
            everything = time.monotonic() >= due
            if everything:
                due = time.monotonic() + LOOK_SECONDS
            over = [look for look in looks if (everything or id(look) not in seen) and look()]
            seen = {id(look) for look in looks}
            with self._lock:
                self._looks = [look for look in self._looks if look not in over]
            if not over:
                self._new.wait(max(0.0, due - time.monotonic()))
