"""Named places at which a process can be made to die, for tests of what is left behind.

``YAMLFLOW_CRASH_AT=name`` (``name:3``: the third time; ``name:3:SIGTERM``: by that signal) kills the process there. Unset,
a crash point costs one comparison.
"""

from __future__ import annotations

import os
import signal
import threading

VARIABLE = "YAMLFLOW_CRASH_AT"

POINTS: dict[str, str] = {
    "begin-accepted": "a new execution is in the loop, nothing of it is written",
    "execution-created": "its row is written in a transaction that is still open",
    "lease-taken": "an interrupted execution has a new owner, which has read nothing yet",
    "replayed": "its facts were read, nothing was decided",
    "request-written": "what is asked of another process is in the store, nobody was rung",
    "request-read": "the owner has read what is asked of it, nothing was decided",
    "fact-arrived": "facts have reached the loop, nothing was decided",
    "decided": "a turn is decided, nothing of it is written",
    "before-commit": "a turn's transaction is about to begin",
    "in-commit": "a turn's rows are written, the transaction is still open",
    "after-commit": "a turn is in the store, nobody knows of it",
    "before-carry-out": "a committed decision is about to be carried out",
    "task-submitted": "an attempt waits for a worker",
    "task-started": "an attempt is in its worker, its executor was not called",
    "task-returned": "an executor has done its work, its outputs are nowhere",
    "outputs-kept": "an attempt's outputs are kept, its result was not told",
    "result-told": "a result is on its way to the loop",
    "before-artifact-rename": "a large object is written under a passing name",
    "after-artifact-rename": "a large object lies under its own name, nobody refers to it",
    "lease-renewed": "leases are extended",
    "execution-ended": "the last turn is in the store, who waits was not told",
}
"""Name → what holds at that place."""


class _Armed:
    """The point at which this process dies, and how many times it is passed before."""

    def __init__(self, told: str) -> None:
        name, _, rest = told.partition(":")
        count, _, kind = rest.partition(":")
        if name not in POINTS:
            raise ValueError(f"{VARIABLE}: there is no crash point {name!r}; there are {', '.join(POINTS)}")
        self.name = name
        self._left = int(count or 1)
        self._signal = signal.Signals[kind] if kind else getattr(signal, "SIGKILL", signal.SIGTERM)
        self._lock = threading.Lock()

    def passed(self) -> None:
        with self._lock:
            self._left -= 1
            if self._left != 0:
                return
        os.write(2, f"crash point {self.name}: {self._signal.name}\n".encode())
        if self._signal == signal.SIGINT:
            # As a terminal does: to the main thread, which alone is woken by it.
            signal.pthread_kill(threading.main_thread().ident or 0, self._signal)
        else:
            os.kill(os.getpid(), self._signal)


_armed = _Armed(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None


def arm(told: str | None) -> None:
    """Name the point anew, as the variable would: for a process that was forked and not started."""
    global _armed
    _armed = _Armed(told) if told else None


def crash_point(name: str) -> None:
    """Die here if this is the point that was named."""
    if _armed is not None and _armed.name == name:
        _armed.passed()
