"""``Worker``: drives, in a process of its own, the executions that were started for a worker. One kernel less that may die."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from yamlflow_nb.domain.ports.leases import Bell
from yamlflow_nb.domain.ports.repository import Repository
from yamlflow_nb.domain.store_error import StoreError
from yamlflow_nb.services.command_error import CommandError
from yamlflow_nb.services.execution import Execution
from yamlflow_nb.services.execution_service import ExecutionService

_log = logging.getLogger("yamlflow_nb")
_AWAKE = 1.0
"""Seconds after which it looks up, so that an interrupt is noticed for certain."""


class Worker:
    """Takes what waits for a worker, also what an earlier worker left when it died. ``watching`` makes a bell that rings when
    anybody has written to the store; ``began`` and ``ended`` are told of each execution."""

    def __init__(
        self,
        executions: ExecutionService,
        repository: Repository,
        watching: Callable[[Callable[[], None]], Bell],
        began: Callable[[Execution], None],
        ended: Callable[[Execution], None],
    ) -> None:
        self._executions = executions
        self._repository = repository
        self._began = began
        self._ended = ended
        self._look = threading.Event()
        self._bell = watching(self._look.set)
        self._driven: dict[str, Execution] = {}
        self._refused: set[tuple[str, int]] = set()

    def work(self, *, until_idle: bool = False) -> None:
        """Drive executions until interrupted; ``until_idle``: until nothing moves any more. Raises ``KeyboardInterrupt``."""
        self._bell.listen()
        try:
            while True:
                self._look.clear()
                self._take()
                self._tell_ended()
                if until_idle and not any(one.status == "running" for one in self._driven.values()):
                    return
                self._look.wait(_AWAKE)
        finally:
            self._bell.close()

    def _take(self) -> None:
        for record in self._repository.for_workers():
            if record.id in self._driven or (record.id, record.epoch) in self._refused:
                continue
            try:
                execution = self._executions.take_for_worker(record)
            except (CommandError, StoreError) as error:
                self._refused.add((record.id, record.epoch))
                _log.warning("`%s` is left alone: %s", record.id, error)
                continue
            if execution is not None:
                self._driven[record.id] = execution
                self._began(execution)

    def _tell_ended(self) -> None:
        for name, execution in list(self._driven.items()):
            if execution.status in ("completed", "failed", "cancelled") or execution.is_given_up:
                del self._driven[name]
                self._ended(execution)
