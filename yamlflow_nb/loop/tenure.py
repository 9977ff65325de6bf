"""The leases of one loop: taken, extended, and proof for whoever wants to start something."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable

from yamlflow_nb.domain.ports.leases import Bell, Presence, Standing
from yamlflow_nb.domain.ports.repository import Repository
from yamlflow_nb.domain.store_error import StoreError
from yamlflow_nb.infrastructure.crash_points import crash_point
from yamlflow_nb.infrastructure.process_identity import elapsed

LEASE_SECONDS = 30.0
"""Half of it after the last extension nothing new starts; a third of it after, it is extended."""
_log = logging.getLogger("yamlflow_nb")


class Tenure:
    """What a loop knows of its leases. Time is measured on a clock that goes on while the machine sleeps."""

    def __init__(self, repository: Repository, presence: Presence, bell: Bell | None, seconds: float) -> None:
        self.owner = presence.owner
        self.seconds = seconds
        self._repository = repository
        self._presence = presence
        self._bell = bell
        self._confirmed = elapsed()
        self._tried = self._confirmed
        self._changed = threading.Condition()

    @property
    def ring(self) -> str | None:
        """Where this loop can be rung."""
        return self._bell.address if self._bell is not None else None

    def listen(self) -> None:
        """Let others ring from now on. Without a bell a request is seen at the next extension of the leases."""
        if self._bell is not None:
            try:
                self._bell.listen()
            except OSError as error:
                _log.warning("other processes cannot ring this one: %s", error)

    def let_go(self, execution_ids: Iterable[str]) -> None:
        """Anyone may go on with these at once."""
        names = list(execution_ids)
        try:
            if names:
                self._repository.release(self.owner, names)
        except StoreError as error:
            _log.warning("leases could not be given back, they run out by themselves: %s", error)

    def close(self, execution_ids: Iterable[str]) -> None:
        """Let go of what is still held, and answer no more rings."""
        self.let_go(execution_ids)
        if self._bell is not None:
            self._bell.close()

    def is_driven(self, standing: Standing) -> bool:
        """Whether somebody may be driving an execution now: its lease has time left, and its process is not gone."""
        return not standing.has_ended and self.may_be_driven(standing.owner, standing.expires_at)

    def may_be_driven(self, owner: str | None, expires_at: float) -> bool:
        """The same of an owner and a lease. More time than a lease has was counted by another clock: of another machine, or of
        this one before it was started anew."""
        left = expires_at - self._repository.now()
        return owner is not None and 0 < left <= max(self.seconds, LEASE_SECONDS) and not self._presence.is_gone(owner)

    def ring_at(self, address: str | None) -> None:
        """Wake whoever listens there."""
        if self._bell is not None:
            self._bell.ring(address)

    def take(self, execution_id: str, standing: Standing) -> int | None:
        """Become the owner of what nobody drives: the new epoch, or None where another was faster."""
        self.listen()
        epoch = self._repository.take(execution_id, self.owner, standing.epoch, self.seconds, self.ring)
        if epoch is not None:
            crash_point("lease-taken")
        return epoch

    # --- while it drives -----------------------------------------------------------------------------------------------

    def due_in(self) -> float:
        """Seconds until the leases are to be extended."""
        return self._tried + self.seconds / 3 - elapsed()

    def renew(self) -> frozenset[str] | None:
        """Extend all: the executions still held, or None where the store did not answer."""
        self._tried = begun = elapsed()
        try:
            held = self._repository.renew(self.owner, self.seconds)
        except StoreError as error:
            _log.warning("leases could not be extended: %s", error)
            return None
        with self._changed:
            self._confirmed = begun
            self._changed.notify_all()
        crash_point("lease-renewed")
        return held

    def confirm_new(self) -> None:
        """The first lease after a while without any counts from now."""
        self._tried = self._confirmed = elapsed()

    def may_start(self, lost: Callable[[], bool], renew: Callable[[], None]) -> bool:
        """Wait until the leases are surely held, so that nothing starts that another process has begun meanwhile. False
        when the execution was lost."""
        while not lost():
            if elapsed() - self._confirmed <= self.seconds / 2:
                return True
            renew()
            with self._changed:
                self._changed.wait(0.1)
        return False
