"""Numbers → a small bar chart, drawn by Pillow alone: the demo needs no plotting library."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

_WIDTH, _HEIGHT, _SCALE = 640, 220, 2
_INK, _QUIET, _BAR, _LOW = "#1f2328", "#6e7781", "#3b76b8", "#9dbcdd"


def draw_bars(labels: Sequence[int], heights: Sequence[float], title: str, told: str, path: Path) -> None:
    """Writes the PNG; the highest bars are dark."""
    from PIL import Image, ImageDraw

    from yamlflow_nb.views.board import font

    image = Image.new("RGB", (_WIDTH * _SCALE, _HEIGHT * _SCALE), "#ffffff")
    pen = ImageDraw.Draw(image)
    top = max(heights, default=1.0) or 1.0
    floor, room, step = _HEIGHT - 26, _HEIGHT - 90, (_WIDTH - 24) / max(len(labels), 1)
    pen.text((12 * _SCALE, 18 * _SCALE), title, _INK, font(14), "lm", stroke_width=0.5, stroke_fill=_INK)
    pen.text((12 * _SCALE, 38 * _SCALE), told, _QUIET, font(11), "lm")
    for position, (label, height) in enumerate(zip(labels, heights)):
        left = 12 + position * step
        up = floor - max(height, 0) / top * room
        box = [(left + 3) * _SCALE, up * _SCALE, (left + step - 3) * _SCALE, floor * _SCALE]
        pen.rectangle(box, _BAR if height > 0.7 * top else _LOW)
        middle = (left + step / 2) * _SCALE
        pen.text((middle, (floor + 12) * _SCALE), str(label), _QUIET, font(11), "mm")
        pen.text((middle, (up - 9) * _SCALE), f"{height:.0f}", _QUIET, font(10), "mm")
    image.quantize(64).save(path, "PNG", optimize=True)
