"""A node's life as tables: what may follow what, and which events tell of it. The docs draw their picture from here."""

from __future__ import annotations

TRANSITIONS: dict[str, frozenset[str]] = {
    "pending": frozenset({"queued", "skipped", "failed", "completed"}),
    "queued": frozenset({"running", "cancelled", "failed", "completed"}),
    "running": frozenset({"waiting", "retrying", "completed", "failed", "cancelled"}),
    "waiting": frozenset({"running", "retrying", "completed", "failed", "cancelled"}),
    "retrying": frozenset({"queued", "completed", "failed", "cancelled"}),
    "completed": frozenset(),
    "failed": frozenset(),
    "skipped": frozenset(),
    "cancelled": frozenset(),
}
"""State → the states that may follow within a round. ``pending → failed`` is an error in an expression, ``pending →
completed`` the same with ``onFailure: {outputs}``; ``queued → completed`` is ``stopWhen ... as: completed``."""

TERMINAL = frozenset({"completed", "failed", "skipped", "cancelled"})
ACTIVE = frozenset({"queued", "running", "waiting", "retrying"})

FAILED_REASONS = ("error", "timeout", "failWhen", "rejected", "outputs", "repeat", "expression", "interrupted")
SKIPPED_REASONS = ("blocked", "unsatisfied", "skipWhen", "stopWhen", "cancelled", "timeout", "onFailure", "expression", "manual")
CANCELLED_REASONS = ("stopWhen", "cancelled", "timeout", "onFailure", "expression")

PASSING_SKIPS = frozenset({"unsatisfied", "skipWhen", "stopWhen", "manual"})
"""Reasons of a skip after which nothing went wrong: ``x.passed`` is stored too."""
BLOCKING_SKIPS = frozenset({"blocked", "cancelled", "timeout", "onFailure", "expression"})
"""Reasons of a skip that block those who asked for success."""
NEVER_RETRIED = frozenset({"expression", "rejected", "repeat"})

COMPLETED_EVENTS = ("completed", "passed", "finished")
FAILED_EVENTS: dict[str, tuple[str, ...]] = {
    "timeout": ("failed", "timed_out", "finished"),
    "rejected": ("rejected", "failed", "finished"),
}
"""Reason → events of a failure, where they differ from ``failed, finished``."""


def ending_events(state: str, reason: str | None) -> tuple[str, ...]:
    """The events stored with a terminal state, in order."""
    if state == "completed":
        return COMPLETED_EVENTS
    if state == "failed":
        return FAILED_EVENTS.get(reason or "", ("failed", "finished"))
    if state == "cancelled":
        return ("cancelled", "finished")
    if reason == "blocked":
        return ("skipped", "blocked", "finished")
    return ("skipped", "passed", "finished") if reason in PASSING_SKIPS else ("skipped", "finished")


class IllegalTransition(RuntimeError):
    """A state asked for what the table forbids: a bug of ours, with node and states in the message."""

    def __init__(self, node: str, state: str, wanted: str) -> None:
        super().__init__(f"node {node}: {state} -> {wanted} is not in the lifecycle table")
