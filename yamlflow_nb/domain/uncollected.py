"""Work that makes many objects and leaves no cycles behind: the cycle collector stands aside while it lasts."""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import wraps
from typing import TypeVar

Work = TypeVar("Work", bound=Callable[..., object])


def uncollected(work: Work) -> Work:
    """Runs a function without the cycle collector.

    Every few thousand objects CPython's collector walks all that are young, and now and then all there are. While a tree of
    a million lasting objects is built this finds nothing and makes the cost of each grow with their number (exponent 1.25
    instead of 1.0 from 1,000 to 10,000 nodes). Reference counting goes on as ever. Calls may nest and overlap in threads:
    whoever found the collector switched on switches it on again.
    """

    @wraps(work)
    def run(*args: object, **options: object) -> object:
        if not gc.isenabled():
            return work(*args, **options)
        gc.disable()
        try:
            return work(*args, **options)
        finally:
            gc.enable()

    return run  # type: ignore[return-value]
