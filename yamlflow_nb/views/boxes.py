"""Nodes and edges → a graph of boxes, columns from left to right, with what each node does in it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from yamlflow_nb.services.run_text import seconds
from yamlflow_nb.views.board import Board, Picture, fitted, text_width
from yamlflow_nb.views.layout import Layout, Spot, lay_out
from yamlflow_nb.views.marks import draw_mark
from yamlflow_nb.views.palette import COLOURS, EDGE, INK, QUIET, TRACK

_BOX_HEIGHT, _GAP_X, _GAP_Y, _MARGIN, _BAND_GAP = 46, 38, 14, 10, 30
_NARROWEST, _WIDEST = 112, 190
_WIDE_ENOUGH = 1060
"""Pixels that a page shows side by side: longer graphs are broken into bands."""


def height_of(nodes: Sequence[Mapping[str, Any]], edges: tuple[tuple[str, str], ...]) -> int:
    """How high the picture would be."""
    return _frame(tuple(str(node["id"]) for node in nodes), edges).height


def draw_boxes(nodes: Sequence[Mapping[str, Any]], edges: tuple[tuple[str, str], ...]) -> Picture:
    """The picture of a graph that is small enough to be read."""
    frame = _frame(tuple(str(node["id"]) for node in nodes), edges)
    board = Board(frame.width, frame.height)
    states = {str(node["id"]): node for node in nodes}
    for (source, target), way in frame.layout.ways.items():
        idle = "skipped" in (states[source]["state"], states[target]["state"])
        _draw_way(board, frame, way, 1 if idle else 1.5)
    for name, spot in frame.layout.spots.items():
        _draw_box(board, frame.corner(spot), frame.box_width, states[name])
    return board.picture()


@dataclass(frozen=True)
class _Frame:
    """Where things stand on the sheet; the same for every picture of a run, since only states change."""

    layout: Layout
    box_width: int
    tops: tuple[float, ...]
    width: int
    height: int

    def corner(self, spot: Spot) -> tuple[float, float]:
        return _MARGIN + spot.column * (self.box_width + _GAP_X), self.tops[spot.band] + spot.row * (_BOX_HEIGHT + _GAP_Y)


@lru_cache(maxsize=32)
def _frame(names: tuple[str, ...], edges: tuple[tuple[str, str], ...]) -> _Frame:
    longest = max((text_width(name, 13, bold=True) for name in names), default=0.0)
    box = round(min(_WIDEST, max(_NARROWEST, longest + 46)))
    layout = lay_out(names, edges, per_band=max(2, (_WIDE_ENOUGH - 2 * _MARGIN + _GAP_X) // (box + _GAP_X)))
    tops, top = [], float(_MARGIN)
    for height in layout.heights:
        tops.append(top)
        top += height * (_BOX_HEIGHT + _GAP_Y) - _GAP_Y + _BAND_GAP
    width = 2 * _MARGIN + layout.columns * (box + _GAP_X) - _GAP_X
    if len(layout.heights) > 1:
        width += _GAP_X // 2  # for the ways that go down to the next band
    return _Frame(layout, box, tuple(tops), width, round(top - _BAND_GAP + _MARGIN))


def _draw_box(board: Board, at: tuple[float, float], width: int, node: Mapping[str, Any]) -> None:
    x, y = at
    state = str(node["state"])
    colours = COLOURS.get(state, COLOURS["pending"])
    board.frame(x, y, width, _BOX_HEIGHT, colours, line=2 if state in ("running", "failed", "waiting") else 1)
    draw_mark(board, x + 17, y + _BOX_HEIGHT / 2, state)
    quiet = state in ("skipped", "pending")
    room = width - 40
    board.text(x + 32, y + 16, fitted(str(node["id"]), room, 13, bold=True), QUIET if quiet else INK, 13, bold=True)
    board.text(x + 32, y + 32, fitted(_told(node), room, 10.5), QUIET if quiet else colours.ink, 10.5)
    done = _share(node)
    if done is not None:
        board.line([(x + 8, y + _BOX_HEIGHT - 4), (x + width - 8, y + _BOX_HEIGHT - 4)], TRACK, 2)
        board.line([(x + 8, y + _BOX_HEIGHT - 4), (x + 8 + (width - 16) * done, y + _BOX_HEIGHT - 4)], colours.line, 2)


def _told(node: Mapping[str, Any]) -> str:
    """The small second line: how long it took, how far it is, or why not."""
    state, items, told = str(node["state"]), node["items"], node["progress"]
    if state == "running" and told:
        return f"{told['done']:g}" + (f" of {told['total']:g}" if told["total"] else "")
    if items and items["total"]:
        return f"{items['completed']} of {items['total']}" + ("" if state == "running" else f" · {_took(node)}")
    if state in ("completed", "failed"):
        return _took(node) + (f", {node['attempts']} tries" if node["attempts"] > 1 else "")
    return str(node["reason"] or state)


def _took(node: Mapping[str, Any]) -> str:
    return seconds(node["started_at"], node["finished_at"]) or str(node["state"])


def _share(node: Mapping[str, Any]) -> float | None:
    """How much of a running node is done, from 0 to 1, when it says so."""
    if node["state"] != "running":
        return None
    told, items = node["progress"], node["items"]
    if told and told["total"]:
        return min(1.0, max(0.0, float(told["done"]) / float(told["total"])))
    return float(items["completed"]) / float(items["total"]) if items and items["total"] else None


def _draw_way(board: Board, frame: _Frame, way: Sequence[Spot], thick: float) -> None:
    """An edge: level curves from column to column; from one band to the next around the end of the line."""
    points: list[tuple[float, float]] = []
    for here, there in itertools.pairwise(way):
        x, y = frame.corner(here)
        start = (x + frame.box_width, y + _BOX_HEIGHT / 2)
        x, y = frame.corner(there)
        end = (x, y + _BOX_HEIGHT / 2)
        if points:
            points.append((start[0] - frame.box_width, start[1]))
        points += _curve(start, end) if here.band == there.band else _turn(start, end, frame.tops[there.band])
    board.line(points, EDGE, thick)
    board.tip(*points[-1], EDGE)


def _curve(start: tuple[float, float], end: tuple[float, float]) -> list[tuple[float, float]]:
    """A cubic curve that leaves and arrives level."""
    (x1, y1), (x2, y2) = start, end
    if y1 == y2:
        return [start, end]
    bend, found = (x2 - x1) * 0.6, []
    for step in range(17):
        t = step / 16
        a, b, c, d = (1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t**2, t**3
        found.append((a * x1 + b * (x1 + bend) + c * (x2 - bend) + d * x2, (a + b) * y1 + (c + d) * y2))
    return found


def _turn(start: tuple[float, float], end: tuple[float, float], top: float) -> list[tuple[float, float]]:
    (x1, y1), (x2, y2) = start, end
    right, left, between = x1 + _GAP_X / 3, x2 - _MARGIN + 2, top - _BAND_GAP / 2
    return [start, (right, y1), (right, between), (left, between), (left, y2), end]
