"""Stopping what runs: interrupt, then terminate, then kill, with time between to end well."""

from __future__ import annotations

from collections.abc import Callable, Sequence

PATIENCE = 10.0
"""Seconds that each rung is given."""


def climb(steps: Sequence[tuple[str, Callable[[], object]]], gone: Callable[[float], bool], log: Callable[[str], None]) -> bool:
    """Take one step after the other until ``gone(seconds)`` says that the work has ended; False when none of them helped."""
    for name, step in steps:
        log(f"stopping: {name}")
        try:
            step()
        except (OSError, RuntimeError) as error:
            log(f"{name} failed: {error}")
        if gone(PATIENCE):
            return True
    return False
