"""``extract_*``: names with stars, matched in linear time and without regular expressions (no input makes it slow)."""

from __future__ import annotations

from collections.abc import Iterable


def matches(pattern: str, name: str) -> bool:
    """Whether a name fits a pattern in which each ``*`` stands for any run of characters, also none.

    >>> matches("extract_*", "extract_eu"), matches("*_eu", "extract_us")
    (True, False)
    """
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == name
    last = rest.pop()
    if len(name) < len(first) + len(last) or not name.startswith(first) or not name.endswith(last):
        return False
    position, limit = len(first), len(name) - len(last)
    for part in rest:
        # The leftmost fit of each part leaves the most room for the next: no backtracking.
        found = name.find(part, position, limit)
        if found < 0:
            return False
        position = found + len(part)
    return True


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """The names that fit, in their order."""
    return [name for name in names if matches(pattern, name)]
