"""Many nodes → one tile each, in the document's order: with its name while names can be read, then by colour and mark alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from yamlflow_nb.views.board import Board, Picture, fitted
from yamlflow_nb.views.marks import draw_mark
from yamlflow_nb.views.palette import COLOURS, Colours

_MOST_NAMED = 160
_MARGIN, _WIDTH = 6, 960
_OF_STATE = {"completed": "#2da44e", "skipped": "#c4cbd2", "pending": "#d0d7de", "queued": "#8c96a1"}
"""Small tiles are full of their state's colour; of the states that nobody needs to look for, a calmer one."""


def draw_mosaic(nodes: Sequence[Mapping[str, Any]]) -> Picture:
    """The compact form of a picture."""
    if len(nodes) <= _MOST_NAMED:
        return _named(nodes)
    return _small(nodes)


def _named(nodes: Sequence[Mapping[str, Any]]) -> Picture:
    across, width, height = 8, 118, 22
    board = Board(2 * _MARGIN + across * width, 2 * _MARGIN + -(-len(nodes) // across) * (height + 4))
    for position, node in enumerate(nodes):
        row, column = divmod(position, across)
        x, y, state = _MARGIN + column * width, _MARGIN + row * (height + 4), str(node["state"])
        colours = COLOURS.get(state, COLOURS["pending"])
        board.frame(x, y, width - 4, height, colours, radius=5)
        draw_mark(board, x + 12, y + height / 2, state, 6)
        board.text(x + 22, y + height / 2, fitted(str(node["id"]), width - 32, 10.5), colours.ink, 10.5)
    return board.picture()


def _small(nodes: Sequence[Mapping[str, Any]]) -> Picture:
    step = 14 if len(nodes) <= 2500 else 7
    across = _WIDTH // step
    board = Board(2 * _MARGIN + across * step, 2 * _MARGIN + -(-len(nodes) // across) * step)
    for position, node in enumerate(nodes):
        row, column = divmod(position, across)
        state = str(node["state"])
        line = COLOURS.get(state, COLOURS["pending"]).line
        full = _OF_STATE.get(state, line)
        x, y = _MARGIN + column * step, _MARGIN + row * step
        board.frame(x, y, step - 2, step - 2, Colours(full, full, full), radius=step / 7, line=0.5)
        if step >= 14 and state not in _OF_STATE:
            draw_mark(board, x + step / 2 - 1, y + step / 2 - 1, state, 5)
    return board.picture()
