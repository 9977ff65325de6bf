"""A clear sheet to draw on, twice as fine as the page that shows it; texts in Pillow's own font. Becomes a small PNG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import TYPE_CHECKING

from yamlflow_nb.views.palette import CLEAR, Colours, palette

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw as Pen
    from PIL.ImageFont import FreeTypeFont, ImageFont

SCALE = 2  # drawn large, so that it is sharp on a fine screen


@dataclass(frozen=True)
class Picture:
    """A PNG and the size at which a page shows it."""

    png: bytes
    width: int
    height: int


class Board:
    """A clear sheet whose lengths are those of the page; everything is drawn larger by ``SCALE``."""

    def __init__(self, width: int, height: int) -> None:
        from PIL import Image, ImageDraw

        self.width, self.height = max(width, 1), max(height, 1)
        self._image = Image.new("RGB", (self.width * SCALE, self.height * SCALE), CLEAR)
        self.pen: Pen = ImageDraw.Draw(self._image)

    def frame(self, x: float, y: float, width: float, height: float, colours: Colours, radius: float = 7, line: float = 1) -> None:
        """A rounded box."""
        place = [x * SCALE, y * SCALE, (x + width) * SCALE, (y + height) * SCALE]
        self.pen.rounded_rectangle(place, radius * SCALE, colours.paper, colours.line, round(line * SCALE))

    def line(self, points: Sequence[tuple[float, float]], colour: str, width: float = 1.5) -> None:
        """A line through points."""
        self.pen.line([(x * SCALE, y * SCALE) for x, y in points], colour, round(width * SCALE), joint="curve")

    def tip(self, x: float, y: float, colour: str) -> None:
        """The head of an arrow that points to the right."""
        self.pen.polygon([(x * SCALE, y * SCALE), ((x - 7) * SCALE, (y - 4) * SCALE), ((x - 7) * SCALE, (y + 4) * SCALE)], colour)

    def text(self, x: float, y: float, text: str, colour: str, size: float, bold: bool = False) -> None:
        """A line of text whose middle is at height ``y``."""
        weight = 0.5 if bold else 0
        self.pen.text((x * SCALE, y * SCALE), text, colour, font(size), "lm", stroke_width=weight, stroke_fill=colour)

    def picture(self) -> Picture:
        """The sheet as a PNG of few colours, clear where nothing was drawn."""
        from PIL import Image

        kept = BytesIO()
        flat = self._image.quantize(palette=palette(), dither=Image.Dither.NONE)
        flat.save(kept, "PNG", compress_level=6, transparency=0)
        return Picture(kept.getvalue(), self.width, self.height)


# --- texts -----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=16)
def font(size: float) -> FreeTypeFont | ImageFont:
    """Pillow's own font, so that no file is needed and pictures are the same everywhere."""
    from PIL import ImageFont

    return ImageFont.load_default(size * SCALE)


@lru_cache(maxsize=4096)
def text_width(text: str, size: float, bold: bool = False) -> float:
    """How wide a text is on the page."""
    return font(size).getlength(text) / SCALE + (1 if bold else 0)


@lru_cache(maxsize=4096)
def fitted(text: str, room: float, size: float, bold: bool = False) -> str:
    """The text, cut with … where it is wider than the room. The built-in font has no letters beyond Latin ones: each is ``?``."""
    text = "".join(char if char.isascii() or char in "·…" else "?" for char in text[:100])
    if text_width(text, size, bold) <= room:
        return text
    while text and text_width(text + "…", size, bold) > room:
        text = text[:-1]
    return text + "…"
