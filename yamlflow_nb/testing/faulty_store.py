"""A store that fails as stores do: at a seeded rate, or at exactly the k-th call."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable
from typing import Any, cast

from yamlflow_nb.domain.ports.repository import Repository
from yamlflow_nb.domain.store_error import OwnershipLost, StoreBusy, StoreTimeout

FAULTS = ("Timeout", "ExecuteAndTimeout", "Busy", "OwnershipLost")
"""No answer and nothing done; no answer, but done; refused; refused because another is the owner."""
_LEFT_ALONE = frozenset({"now", "close"})


class FaultyStore:
    """Wraps a repository. ``rate`` is the chance of each of the ``faults`` at every call; ``at_call`` instead names the one
    call, counted from 1, that fails. ``calls`` counts them; ``injected`` lists what was done to which."""

    def __init__(
        self,
        repository: Repository,
        rate: float = 0.01,
        seed: int = 0,
        faults: Iterable[str] = FAULTS[:3],
        at_call: int | None = None,
    ) -> None:
        self._repository = repository
        self._rate = rate
        self._random = random.Random(seed)
        self._faults = tuple(faults)
        self._at_call = at_call
        self._lock = threading.Lock()
        self.calls = 0
        self.injected: list[tuple[str, str]] = []

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._repository, name)
        if not callable(found) or name in _LEFT_ALONE or name.startswith("_"):
            return found

        def called(*arguments: Any, **options: Any) -> Any:
            fault = self._next(name)
            if fault == "Timeout":
                raise StoreTimeout(f"{name}: no answer in time")
            if fault == "Busy":
                raise StoreBusy(f"{name}: busy")
            if fault == "OwnershipLost" and name in ("commit", "renew"):
                raise OwnershipLost({commit.execution_id for commit in arguments[0]} if name == "commit" else ())
            result = found(*arguments, **options)
            if fault == "ExecuteAndTimeout":
                raise StoreTimeout(f"{name}: no answer in time, though it was done")
            return result

        return called

    def _next(self, name: str) -> str | None:
        with self._lock:
            self.calls += 1
            if self._at_call is not None:
                fault = self._faults[0] if self.calls == self._at_call else None
            else:
                fault = next((one for one in self._faults if self._random.random() < self._rate), None)
            if fault is not None:
                self.injected.append((fault, name))
            return fault


def faulty(repository: Repository, **options: Any) -> Repository:
    """The same as a ``Repository``, for what asks for one."""
    return cast("Repository", FaultyStore(repository, **options))
