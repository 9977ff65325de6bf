"""Durations as the document writes them: ``500ms``, ``10s``, ``5m``, ``2h``, ``1d``, or a number of seconds."""

from __future__ import annotations

import math
import re
from typing import Any

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_DURATION = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,9})?)(ms|s|m|h|d)")
FORMS = "`500ms`, `10s`, `5m`, `2h`, `1d`, or a number of seconds"


_WORDS = re.compile(
    r"\s*([0-9]{1,12}(?:\.[0-9]{1,9})?)\s*(?:(?P<ms>ms|msecs?|milliseconds?)|(?P<s>s|secs?|seconds?)|(?P<m>m|mins?|minutes?)"
    r"|(?P<h>h|hrs?|hours?)|(?P<d>d|days?))\s*",
    re.IGNORECASE,
)


_PARTS = re.compile(r"(?:([0-9]{1,9})d)?(?:([0-9]{1,9})h)?(?:([0-9]{1,9})m)?(?:([0-9]{1,9})s)?\Z", re.IGNORECASE)
_WHOLE = (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1))


def meant_duration(value: Any) -> str | None:
    """The duration that a text means which is written otherwise; None where there is none.

    >>> meant_duration("5 minutes"), meant_duration("10S"), meant_duration("1h30m"), meant_duration("PT5M"), meant_duration("soon")
    ('5m', '10s', '90m', '5m', None)
    """
    if not isinstance(value, str):
        return None
    found = _WORDS.fullmatch(value)
    if found is not None:
        return f"{found[1]}{found.lastgroup}"
    upper = value.upper()
    parts = _PARTS.match(upper[1:].replace("T", "", 1) if upper.startswith("P") else value.replace(" ", ""))
    if parts is None or not any(parts.groups()):
        return None
    seconds = sum(int(amount or 0) * size for amount, (_, size) in zip(parts.groups(), _WHOLE))
    return next((f"{seconds // size}{unit}" for unit, size in _WHOLE if seconds % size == 0), None)


def parse_duration(value: Any) -> float | None:
    """Seconds, or None when the value is no duration (also when it is negative or not finite).

    >>> parse_duration("5m"), parse_duration("500ms"), parse_duration(3), parse_duration("5 minutes"), parse_duration(True)
    (300.0, 0.5, 3.0, None, None)
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value) if value >= 0 and math.isfinite(value) else None
    if not isinstance(value, str):
        return None
    found = _DURATION.fullmatch(value)
    if found is None:
        return None
    amount, unit = float(found[1]), found[2]
    # 500 / 1000 is exact where 500 * 0.001 is not.
    return amount / 1_000 if unit == "ms" else amount * _SECONDS[unit]
