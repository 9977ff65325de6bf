"""Nodes and edges → places: columns from left to right, few crossings, long graphs broken into bands like lines of text."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import floor

Edge = tuple[str, str]

_SWEEPS = 8
_ROUNDS = 300
_STILL = 0.002


@dataclass(frozen=True)
class Spot:
    """Where a node stands: its band, its column within the band, and its height, counted in rows from the band's top."""

    band: int
    column: int
    row: float


@dataclass
class Layout:
    """``spots`` of nodes; ``ways``: each edge as the spots that it passes, its ends included; ``heights`` of bands in rows."""

    spots: dict[str, Spot] = field(default_factory=dict)
    ways: dict[Edge, list[Spot]] = field(default_factory=dict)
    heights: list[float] = field(default_factory=list)
    columns: int = 0


def lay_out(names: Sequence[str], edges: Sequence[Edge], per_band: int = 8) -> Layout:
    """The places of a graph's nodes. Edges that a longer way already tells are left out."""
    depth = depths(names, edges)
    # Nothing that runs goes in circles; what came from elsewhere and does, is drawn without the way back.
    kept = [(source, target) for source, target in needed(edges) if depth[source] < depth[target]]
    columns = [[name for name in names if depth[name] == level] for level in range(max(depth.values(), default=-1) + 1)]
    chains = _with_bends(columns, depth, kept)
    after = _neighbours(chains)
    before = _neighbours([chain[::-1] for chain in chains])
    columns = _fewest_crossings(columns, before, after)
    rows = _straightened(columns, before, after)
    return _in_bands(columns, rows, dict(zip(kept, chains)), set(names), per_band)


def needed(edges: Sequence[Edge]) -> list[Edge]:
    """The edges without those that a longer way already tells."""
    after: dict[str, set[str]] = {}
    for source, target in edges:
        after.setdefault(source, set()).add(target)
    reached: dict[str, set[str]] = {}

    def reach(start: str) -> set[str]:
        if start not in reached:
            reached[start] = set()  # a circle would end here
            for target in after.get(start, ()):
                reached[start] |= {target} | reach(target)
        return reached[start]

    return [(a, b) for a, b in dict.fromkeys(edges) if not any(b in reach(other) for other in after[a] if other != b)]


def depths(names: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """By node: the length of the longest way to it."""
    before: dict[str, list[str]] = {name: [] for name in names}
    for source, target in edges:
        before[target].append(source)
    depth: dict[str, int] = {}

    def of(name: str) -> int:
        if name not in depth:
            depth[name] = 0
            depth[name] = max((of(source) + 1 for source in before[name]), default=0)
        return depth[name]

    return {name: of(name) for name in names}


def crossings(upper: Sequence[str], lower: Sequence[str], after: dict[str, list[str]]) -> int:
    """How many pairs of edges between two columns cross."""
    place = {name: position for position, name in enumerate(lower)}
    ends = [place[target] for name in upper for target in sorted(after.get(name, ()), key=place.__getitem__)]
    return sum(1 for i, end in enumerate(ends) for other in ends[:i] if other > end)


def _with_bends(columns: list[list[str]], depth: dict[str, int], edges: Sequence[Edge]) -> list[list[str]]:
    """Each edge as the chain of what it passes, one thing a column: an edge over several columns gets a place in each,
    so that it goes round boxes. Adds these places to the columns."""
    chains = []
    for source, target in edges:
        bends = [f"{source}\0{target}\0{level}" for level in range(depth[source] + 1, depth[target])]
        for level, bend in enumerate(bends, depth[source] + 1):
            columns[level].append(bend)
        chains.append([source, *bends, target])
    return chains


def _neighbours(chains: Sequence[Sequence[str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for chain in chains:
        for one, other in itertools.pairwise(chain):
            found.setdefault(one, []).append(other)
    return found


def _fewest_crossings(columns: list[list[str]], before: dict[str, list[str]], after: dict[str, list[str]]) -> list[list[str]]:
    """Sweeps to and fro, each column in the order of the middle of its neighbours; the best order that was seen."""

    def count(order: list[list[str]]) -> int:
        return sum(crossings(left, right, after) for left, right in itertools.pairwise(order))

    order = [list(column) for column in columns]
    best, fewest = [list(column) for column in order], count(order)
    for sweep in range(_SWEEPS):
        forward = sweep % 2 == 0
        neighbours = before if forward else after
        for level in range(len(order)) if forward else range(len(order) - 1, -1, -1):
            beside = level - 1 if forward else level + 1
            if 0 <= beside < len(order):
                order[level] = _by_middle(order[level], order[beside], neighbours)
        found = count(order)
        if found < fewest:
            best, fewest = [list(column) for column in order], found
        if not fewest:
            break
    return best


def _by_middle(column: list[str], beside: list[str], neighbours: dict[str, list[str]]) -> list[str]:
    place = {name: position for position, name in enumerate(beside)}
    middle = {
        name: sum(place[other] for other in found) / len(found) if (found := neighbours.get(name)) else float(position)
        for position, name in enumerate(column)
    }
    return sorted(column, key=middle.__getitem__)


def _straightened(columns: list[list[str]], before: dict[str, list[str]], after: dict[str, list[str]]) -> dict[str, float]:
    """Heights: everything strives for the middle of its neighbours and keeps one row from what is above and below. The bends
    of a long edge hold together more than boxes do, so that it runs straight."""
    rows = {name: position - (len(column) - 1) / 2 for column in columns for position, name in enumerate(column)}
    for turn in range(_ROUNDS):
        moved = 0.0
        for column in columns if turn % 2 == 0 else reversed(columns):
            wanted = []
            for name in column:
                near = [(rows[other], _pull(name, other)) for other in (*before.get(name, ()), *after.get(name, ()))]
                pull = sum(one for _, one in near)
                wanted.append((sum(row * one for row, one in near) / pull, pull) if near else (rows[name], 1))
            for name, row in zip(column, _apart(wanted)):
                moved = max(moved, abs(rows[name] - row))
                rows[name] = row
        if moved < _STILL:
            break
    return _in_quarters(rows, after)


def _in_quarters(rows: dict[str, float], after: dict[str, list[str]]) -> dict[str, float]:
    """Heights in quarters of a row, so that what is nearly level is level. Rounding down keeps what is a row apart a row apart;
    of several places to round from, the one with the most level edges."""

    def rounded(start: float) -> dict[str, float]:
        return {name: floor((row + start) * 4) / 4 for name, row in rows.items()}

    def level(found: dict[str, float]) -> int:
        return sum(found[name] == found[other] for name, others in after.items() for other in others)

    return max((rounded(step / 32) for step in range(8)), key=level)


def _pull(one: str, other: str) -> int:
    return (1, 3, 8)[("\0" in one) + ("\0" in other)]


def _apart(wanted: Sequence[tuple[float, int]]) -> list[float]:
    """The heights nearest to the wanted ones (least squares, each as important as it is pulled) that are at least one row apart,
    in this order: neighbours that get in each other's way are pushed as one block around the middle of what they want."""
    blocks: list[tuple[float, int, int]] = []
    for position, (height, pull) in enumerate(wanted):
        middle, weight, size = height - position, pull, 1
        while blocks and blocks[-1][0] > middle:
            other, heavy, count = blocks.pop()
            middle = (middle * weight + other * heavy) / (weight + heavy)
            weight, size = weight + heavy, size + count
        blocks.append((middle, weight, size))
    flat = [middle for middle, _, size in blocks for _ in range(size)]
    return [middle + position for position, middle in enumerate(flat)]


def _in_bands(
    columns: list[list[str]], rows: dict[str, float], chains: dict[Edge, list[str]], names: set[str], per_band: int
) -> Layout:
    """Breaks the columns into bands of about equal length, each beginning at its own top."""
    bands = -(-len(columns) // per_band) or 1
    length = -(-len(columns) // bands)
    spots: dict[str, Spot] = {}
    heights = []
    for band in range(bands):
        members = [(column, name) for column, part in enumerate(columns[band * length : (band + 1) * length]) for name in part]
        top = min((rows[name] for _, name in members), default=0.0)
        heights.append(max((rows[name] for _, name in members), default=0.0) - top + 1)
        spots |= {name: Spot(band, column, rows[name] - top) for column, name in members}
    ways = {edge: [spots[name] for name in chain] for edge, chain in chains.items()}
    return Layout({name: spot for name, spot in spots.items() if name in names}, ways, heights, min(length, len(columns)))
