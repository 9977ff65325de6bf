"""A repository that is asked again while it is busy: every call of a store may be made twice."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any, TypeVar, cast

from yamlflow_nb.domain.ports.repository import Repository
from yamlflow_nb.domain.store_error import StoreBusy

Result = TypeVar("Result")
PATIENT_SECONDS = 30.0
_FIRST_PAUSE = 0.01
_LONGEST_PAUSE = 1.0


def patiently(call: Callable[..., Result], patience: float) -> Callable[..., Result]:
    """Call again, with growing pauses of random length, until it answers or the time is over."""

    def called(*arguments: Any, **options: Any) -> Result:
        until, pause = time.monotonic() + patience, _FIRST_PAUSE
        while True:
            try:
                return call(*arguments, **options)
            except StoreBusy:
                if time.monotonic() + pause > until:
                    raise
            time.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, _LONGEST_PAUSE)

    return called


class _Patient:
    """Stands before a repository and asks again."""

    def __init__(self, repository: Repository, patience: float) -> None:
        self._repository = repository
        self._patience = patience

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._repository, name)
        if callable(found) and name not in ("now", "close"):
            found = patiently(found, self._patience)
        setattr(self, name, found)
        return found


def patient(repository: Repository, patience: float = PATIENT_SECONDS) -> Repository:
    """The repository, asked again for so many seconds when it is busy or gives no answer."""
    return cast("Repository", _Patient(repository, patience))
