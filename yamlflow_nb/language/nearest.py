"""Did you mean: the known name that is nearest to a mistyped one."""

from __future__ import annotations

from collections.abc import Iterable

_LONGEST_COMPARED = 64
_MOST_CANDIDATES = 2_000


def nearest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate that a person most likely meant by ``name``, or None when none is near.

    Near: equal but for case, ``_`` and ``-``; or at most a third of the letters of the shorter name (and never more than
    four) changed, dropped, added or swapped with a neighbour. Of two equally near the first wins.

    >>> nearest("startwhen", ["startWhen", "stopWhen"]), nearest("retires", ["retry", "title"]), nearest("x", ["abc"])
    ('startWhen', None, None)
    """
    wanted = _folded(name)
    if not name or len(name) > _LONGEST_COMPARED:
        return None
    best: str | None = None
    best_distance = min(4, max(1, len(wanted) // 3)) + 1
    for number, candidate in enumerate(candidates):
        if number >= _MOST_CANDIDATES:
            break
        folded = _folded(candidate)
        if folded == wanted:
            return candidate
        if abs(len(folded) - len(wanted)) >= best_distance:
            continue
        distance = _distance(wanted, folded, best_distance)
        if distance < best_distance and distance <= max(1, len(folded) // 3) and distance < max(len(folded), len(wanted)):
            best, best_distance = candidate, distance
    return best


def distance(name: str, other: str) -> int:
    """Letters changed, dropped, added or swapped between two names; case counts as one."""
    return _distance(name, other, max(len(name), len(other)) + 1)


def _folded(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def _distance(left: str, right: str, enough: int) -> int:
    """Optimal string alignment distance, or ``enough`` as soon as it cannot be less."""
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, letter in enumerate(left, 1):
        current = [i]
        for j, other in enumerate(right, 1):
            cost = min(row[j] + 1, current[j - 1] + 1, row[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == right[j - 2] and left[i - 2] == other:
                cost = min(cost, before[j - 2] + 1)
            current.append(cost)
        if min(current) >= enough:
            return enough
        before, row = row, current
    return row[-1]
