"""Moments as the document writes them: ``2026-01-31T06:00:00+01:00``, always with their zone."""

from __future__ import annotations

import datetime as dt
from typing import Any

ZONED = "a moment is written with its zone: 2026-01-31T06:00:00Z, or ...+01:00"


def parse_moment(value: Any) -> dt.datetime | None:
    """The moment; None for what is none, or has no zone and so means another one on another machine.

    >>> parse_moment("2026-01-31T06:00:00Z").hour, parse_moment("2026-01-31T06:00:00"), parse_moment("soon")
    (6, None, None)
    """
    if isinstance(value, str):
        try:
            # Python 3.10 reads no Z.
            value = dt.datetime.fromisoformat(f"{value[:-1]}+00:00" if value.endswith(("Z", "z")) else value)
        except ValueError:
            return None
    return value if isinstance(value, dt.datetime) and value.tzinfo is not None else None
