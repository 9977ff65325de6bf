"""Room on the disk: a result that finds none is kept in memory until there is."""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from yamlflow_nb.domain.work import TaskFailed
from yamlflow_nb.loop.stop_signal import StopSignal

_log = logging.getLogger("yamlflow_nb")
_TRY_AGAIN = 1.0
"""Seconds between two tries."""


def with_room(keep: Callable[[], Mapping[str, Any]], stop: StopSignal, node: str) -> Mapping[str, Any]:
    """What ``keep`` gives. On a full disk the work is not thrown away: it is tried again until there is room, or the attempt
    is stopped; then the last error is raised."""
    told = False
    while True:
        try:
            return keep()
        except (TaskFailed, OSError) as error:
            if stop.is_set() or not _no_room(error):
                raise
        if not told:
            _log.warning("no room for the outputs of `%s`: they are kept in memory until there is", node)
            told = True
        time.sleep(_TRY_AGAIN)


def _no_room(error: BaseException | None) -> bool:
    """Whether a full disk is behind an error."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
            return True
        error = error.__cause__
    return False
