"""Threads for tasks: started when there is work, never more than allowed, never in the way of the process ending."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue


class Workers:
    """At most ``size`` daemon threads. (``ThreadPoolExecutor`` would keep an interpreter from ending while a task hangs.)"""

    def __init__(self, size: int) -> None:
        self._size = size
        self._jobs: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._unfinished = 0

    def submit(self, job: Callable[[], None]) -> None:
        """Run a job as soon as a thread is free; a job never raises."""
        with self._lock:
            self._unfinished += 1
            if self._threads < min(self._size, self._unfinished):
                self._threads += 1
                threading.Thread(target=self._serve, name=f"yamlflow-task-{self._threads}", daemon=True).start()
        self._jobs.put(job)

    def close(self) -> None:
        """Let the threads end when they have nothing left to do."""
        with self._lock:
            for _ in range(self._threads):
                self._jobs.put(None)

    def _serve(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            finally:
                with self._lock:
                    self._unfinished -= 1
