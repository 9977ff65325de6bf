"""Sends what was written to be sent: after the commit, again where it fails, and never in the way of a run."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from yamlflow_nb.domain.notice import Notice
from yamlflow_nb.domain.ports.clock import Clock
from yamlflow_nb.domain.ports.notices import Notifiers, NotSent
from yamlflow_nb.domain.ports.repository import Repository
from yamlflow_nb.domain.store_error import StoreError

PAUSES = (5.0, 30.0, 120.0, 600.0, 3600.0)
"""Seconds before the next try; after the last a notice has failed."""
CLAIM_SECONDS = 120.0
LEAVING_SECONDS = 15.0
"""How long a process that ends waits for what is being sent."""
_log = logging.getLogger("yamlflow_nb")


class Post:
    """One thread, started with the first notice of this process, or when others were left behind. It sleeps until something
    is due."""

    def __init__(self, repository: Repository, notifiers: Notifiers | None, owner: str, clock: Clock) -> None:
        self._clock = clock
        self._repository = repository
        self._notifiers = notifiers
        self._owner = owner
        self._rung = threading.Condition()
        self._news = False
        self._closing = False
        self._thread: threading.Thread | None = None

    def ring(self) -> None:
        """There may be something to send."""
        if self._notifiers is None:
            return
        with self._rung:
            self._news = True
            self._rung.notify_all()
            if self._thread is None and not self._closing:
                self._thread = threading.Thread(target=self._serve, name="yamlflow-post", daemon=True)
                self._thread.start()

    def look(self) -> None:
        """Whether another process has left something to send."""
        try:
            if self._notifiers is not None and self._repository.next_notice_at() is not None:
                self.ring()
        except StoreError as error:
            _log.warning("the notices could not be read: %s", error)

    def close(self) -> None:
        """Send what is due now, and end. What cannot be sent is left to the next process."""
        with self._rung:
            self._closing = True
            self._rung.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(LEAVING_SECONDS)

    def _serve(self) -> None:
        while True:
            with self._rung:
                self._news = False
                closing = self._closing
            due = self._sent()
            with self._rung:
                if closing:
                    return
                if not self._news and not self._closing:
                    self._rung.wait(None if due is None else max(0.05, due - self._clock.now()))

    def _sent(self) -> float | None:
        """Send all that is due; when the next is."""
        try:
            now = self._clock.now()
            for notice in self._repository.claim_notices(self._owner, now, now + CLAIM_SECONDS):
                self._send(notice)
            return self._repository.next_notice_at()
        except StoreError as error:
            _log.warning("the notices could not be read: %s", error)
            return self._clock.now() + PAUSES[0]

    def _send(self, notice: Notice) -> None:
        assert self._notifiers is not None
        state, error, next_at = "sent", None, 0.0
        try:
            self._notifiers.send(notice)
        except NotSent as problem:
            error = str(problem)
            again = problem.again and notice.tries < len(PAUSES)
            state = "due" if again else "failed"
            next_at = self._clock.now() + PAUSES[notice.tries] if again else 0.0
            _log.warning("`%s` could not be told that `%s` is %s: %s", notice.notifier, notice.execution_id, notice.kind, error)
        self._settle(lambda: self._repository.settle_notice(notice.id, state, error, self._clock.now(), next_at))

    def _settle(self, write: Callable[[], None]) -> None:
        """What was sent is noted; where the store does not take it, the notice comes a second time."""
        for pause in (0.1, 1.0, 0.0):
            try:
                return write()
            except StoreError as error:
                _log.warning("a notice could not be noted: %s", error)
                time.sleep(pause)
