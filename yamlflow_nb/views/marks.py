"""States by mark as well as by colour, so that nobody needs to tell green from red."""

from __future__ import annotations

from yamlflow_nb.views.board import SCALE, Board
from yamlflow_nb.views.palette import COLOURS


def draw_mark(board: Board, x: float, y: float, state: str, size: float = 8) -> None:
    """A round mark around ``x``, ``y``: tick, cross, arrow, clock's hands, turn, bar, ring."""
    line = COLOURS.get(state, COLOURS["pending"]).line
    circle = [(x - size) * SCALE, (y - size) * SCALE, (x + size) * SCALE, (y + size) * SCALE]
    if state in ("pending", "queued"):
        board.pen.ellipse(circle, "#ffffff", line, 3)
        if state == "queued":
            board.pen.ellipse([(x - 2) * SCALE, (y - 2) * SCALE, (x + 2) * SCALE, (y + 2) * SCALE], line)
        return
    board.pen.ellipse(circle, line)
    s = size / 8

    def stroke(*points: tuple[float, float]) -> None:
        board.line([(x + a * s, y + b * s) for a, b in points], "#ffffff", 2 * s)

    if state == "completed":
        stroke((-3.7, 0.2), (-1.2, 2.9), (3.8, -2.7))
    elif state == "failed":
        stroke((-2.8, -2.8), (2.8, 2.8))
        stroke((-2.8, 2.8), (2.8, -2.8))
    elif state == "running":
        board.pen.polygon([((x + a * s) * SCALE, (y + b * s) * SCALE) for a, b in ((-2.4, -3.8), (4, 0), (-2.4, 3.8))], "#ffffff")
    elif state == "waiting":
        stroke((0, -4.2), (0, 0.4), (3.2, 2.2))
    elif state == "retrying":
        stroke((3.8, -0.5), (2.5, -3), (-0.5, -3.8), (-3.2, -2), (-3.8, 0.8), (-2, 3.4), (1, 3.8), (3, 2.4))
    elif state == "cancelled":
        square = [(x - 2.8 * s) * SCALE, (y - 2.8 * s) * SCALE, (x + 2.8 * s) * SCALE, (y + 2.8 * s) * SCALE]
        board.pen.rectangle(square, "#ffffff")
    else:
        stroke((-3.6, 0), (3.6, 0))
