"""Told once that an attempt no longer counts; whoever works at it hears of it."""

from __future__ import annotations

import threading
from collections.abc import Callable


class StopSignal:
    """Set by the loop, heard by executors. A hook runs in a thread of its own: the loop never waits for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._set = False
        self._hooks: list[Callable[[], None]] = []

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        """The attempt no longer counts. Twice is once."""
        with self._lock:
            hooks, self._hooks = ([], self._hooks) if self._set else (self._hooks, [])
            self._set = True
        for hook in hooks:
            in_own_thread(hook)

    def on_stop(self, hook: Callable[[], None]) -> Callable[[], None]:
        """Have ``hook`` called when it is set, at once if it is; gives what takes that back."""
        with self._lock:
            late = self._set
            if not late:
                self._hooks.append(hook)
        if late:
            in_own_thread(hook)

        def take_back() -> None:
            with self._lock:
                if hook in self._hooks:
                    self._hooks.remove(hook)

        return take_back


def in_own_thread(hook: Callable[[], None]) -> None:
    """Call it where nobody waits for it, and no task holds it up."""
    threading.Thread(target=hook, name="yamlflow-stop", daemon=True).start()
