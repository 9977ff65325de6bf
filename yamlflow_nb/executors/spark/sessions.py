"""Who works on which Spark: one application in a process, shared by all nodes, made when the first of them needs it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.executors.spark.application import Application, running_application, started_application
from yamlflow_nb.executors.spark.server import Server
from yamlflow_nb.executors.spark.wanted import Wanted

_turn = threading.Condition()
_place: Application | Server | None = None


class Lent(NamedTuple):
    """A session for one attempt, and where it is."""

    session: Any
    place: Application | Server


@contextmanager
def lent_session(wanted: Wanted, work: Work) -> Iterator[Lent]:
    """A session for the time of the block. A node that wants another application than the one that runs waits until nobody works
    there; then it is ended, and another begins. Raises ``TaskFailed``."""
    place = _entered(wanted, work)
    try:
        session = place.session(wanted)
        try:
            yield Lent(session, place)
        finally:
            place.release(session)
    finally:
        with _turn:
            place.users.discard(threading.current_thread())
            _turn.notify_all()


def _entered(wanted: Wanted, work: Work) -> Application | Server:
    global _place
    told = False
    take_back = work.on_stop(_wake)
    try:
        with _turn:
            while True:
                if work.stopped():
                    raise TaskFailed("Stopped", "the task was stopped")
                if _place is not None and _place.died() is not None:
                    _place.forget()
                    _place = None
                if _place is None:
                    _place = _made(wanted, work)
                if _place.fits(wanted):
                    _place.users.add(threading.current_thread())
                    return _place
                if not any(thread.is_alive() for thread in _place.users):
                    _place.end()
                    _place = None
                    continue
                if not told:
                    work.log("Spark is in use with other settings: waiting until nobody works there")
                    told = True
                # Not for ever: a task that is stopped at the wrong moment ends without a word.
                _turn.wait(1.0)
    finally:
        take_back()


def _made(wanted: Wanted, work: Work) -> Application | Server:
    if wanted.remote is not None:
        return Server()
    found = running_application()
    if found is None:
        return started_application(wanted, work)
    if found.died() is not None:
        found.forget()
        return started_application(wanted, work)
    if not found.fits(wanted):
        names = ", ".join(f"`{name}: {value}`" for name, value in wanted.fixed.items())
        told = f"the Spark session that this process has already was not started with {names}: spark.stop() ends it"
        raise TaskFailed("SessionError", told)
    return found


def _wake() -> None:
    with _turn:
        _turn.notify_all()
