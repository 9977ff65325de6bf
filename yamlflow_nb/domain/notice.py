"""One message to one notifier: what happened, as plain data, and what became of the sending."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

KINDS = ("started", "waiting", "reminder", "escalated", "completed", "failed", "cancelled")
"""``reminder`` and ``escalated`` are sent to whoever is told of ``waiting``."""


@dataclass(frozen=True)
class Notice:
    """Made in the commit of what it tells, sent after it. ``told`` holds what a text may use; ``state`` is ``due``, ``sent`` or
    ``failed``. Times are seconds since the epoch; ``next_at`` is when it is tried (again)."""

    id: str
    execution_id: str
    notifier: str
    kind: str
    node: str | None
    at: float
    told: Mapping[str, Any]
    state: str = "due"
    tries: int = 0
    next_at: float = 0.0
    error: str | None = None
    sent_at: float | None = None
