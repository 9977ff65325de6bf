"""The colours of pictures: a fixed palette, so that a picture is small and no rare colour is lost in it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from PIL.Image import Image


class Colours(NamedTuple):
    """Of a box: its paper, its line, and what is written in it."""

    paper: str
    line: str
    ink: str


COLOURS: dict[str, Colours] = {
    "completed": Colours("#e7f6ec", "#2da44e", "#1a7f37"),
    "failed": Colours("#ffebe9", "#cf222e", "#a40e26"),
    "running": Colours("#ddf0ff", "#0969da", "#0550ae"),
    "waiting": Colours("#f5eeff", "#8250df", "#6639ba"),
    "retrying": Colours("#fff1e5", "#bc4c00", "#953800"),
    "cancelled": Colours("#fff8c5", "#9a6700", "#7d4e00"),
    "skipped": Colours("#f6f8fa", "#c4cbd2", "#6e7781"),
    "queued": Colours("#f0f4f8", "#8c96a1", "#57606a"),
    "pending": Colours("#fafbfc", "#d0d7de", "#6e7781"),
}


CLEAR = "#ff00ff"
"""Drawn nowhere: what keeps this colour is clear in the end."""
INK, QUIET, EDGE = "#1f2328", "#6e7781", "#8c96a1"
TRACK, WHITE = "#c2d9f2", "#ffffff"
_STEPS = (0.25, 0.5, 0.75)


@lru_cache(maxsize=1)
def palette() -> Image:
    """A picture that holds the palette: every colour that is drawn, and what the soft edges of letters need between."""
    from PIL import Image, ImageColor

    found: list[tuple[int, ...]] = [ImageColor.getrgb(CLEAR)]
    found += [ImageColor.getrgb(colour) for colour in (INK, QUIET, EDGE, TRACK, WHITE)]
    for colours in COLOURS.values():
        paper, line, ink = (ImageColor.getrgb(colour) for colour in colours)
        found += [paper, line, ink]
        for letters in dict.fromkeys((ink, ImageColor.getrgb(INK))):
            found += [tuple(round(a * t + b * (1 - t)) for a, b in zip(letters, paper)) for t in _STEPS]
    flat = [part for colour in dict.fromkeys(found) for part in colour[:3]]
    image = Image.new("P", (1, 1))
    image.putpalette(flat)
    return image
