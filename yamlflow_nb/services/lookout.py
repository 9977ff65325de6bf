"""Children that another process drives: looked after, so that their parent hears of their end whatever becomes of that process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from yamlflow_nb.domain.ports.leases import Standing
from yamlflow_nb.domain.ports.repository import Repository
from yamlflow_nb.domain.store_error import StoreError
from yamlflow_nb.loop.kernel_loop import KernelLoop

_EVERY = 0.5
"""Seconds between two looks; nobody looks while there is no such child."""


class Lookout:
    """One thread for all of them, there only while there are any."""

    def __init__(self, loop: KernelLoop, repository: Repository) -> None:
        self._loop = loop
        self._repository = repository
        self._lock = threading.Lock()
        self._watched: dict[str, Callable[[Standing | None], bool]] = {}
        self._thread: threading.Thread | None = None

    def watch(self, execution_id: str, seen: Callable[[Standing | None], bool]) -> None:
        """Have ``seen`` called with where it stands, again and again until it answers that it has seen enough."""
        with self._lock:
            self._watched[execution_id] = seen
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="yamlflow-lookout", daemon=True)
                self._thread.start()

    def _serve(self) -> None:
        while True:
            with self._lock:
                watched = dict(self._watched)
                if not watched or self._loop.is_closed:
                    self._thread = None
                    return
            for name, seen in watched.items():
                try:
                    enough = seen(self._repository.standing(name))
                except StoreError:
                    enough = False
                if enough:
                    with self._lock:
                        self._watched.pop(name, None)
            time.sleep(_EVERY)
