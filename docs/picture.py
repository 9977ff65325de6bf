"""Draws a run as a graph: boxes with state and time, edges from what a node waits for or reads. For the README's picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

SCALE = 2  # drawn large, so that it is sharp on a fine screen
BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y, MARGIN = 168, 58, 46, 22, 18
INK, PAPER, EDGE, QUIET = "#1f2933", "#ffffff", "#9aa5b1", "#7b8794"
STATES = {
    "completed": ("#e3f5e9", "#2f855a"),
    "failed": ("#fde8e8", "#c53030"),
    "skipped": ("#f1f3f5", "#868e96"),
    "cancelled": ("#fff3e0", "#b7791f"),
}
FAINT = ("#eef4fb", "#3b6ea5")


@dataclass(frozen=True)
class Box:
    """One node as it ended: ``told`` is the small second line (type, time, reason)."""

    name: str
    state: str
    told: str


def layers(names: Sequence[str], edges: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Columns by the longest way from a start; within a column in the order of the middle of what comes before."""
    before: Mapping[str, list[str]] = {name: [source for source, target in edges if target == name] for name in names}
    depth: dict[str, int] = {}
    for _ in names:
        for name in names:
            depth[name] = max((depth.get(source, 0) + 1 for source in before[name]), default=0)
    columns: list[list[str]] = [[] for _ in range(max(depth.values(), default=0) + 1)]
    place: dict[str, float] = {}
    for column in range(len(columns)):
        members = [name for name in names if depth[name] == column]
        members.sort(key=lambda name: sum(place[source] for source in before[name]) / max(1, len(before[name])))
        for row, name in enumerate(members):
            place[name] = row - (len(members) - 1) / 2
        columns[column] = members
    return columns


def needed(edges: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The edges without those that a longer way already tells."""
    after: dict[str, set[str]] = {}
    for source, target in edges:
        after.setdefault(source, set()).add(target)

    def reaches(start: str, end: str) -> bool:
        seen, left = set(), [start]
        while left:
            name = left.pop()
            if name == end:
                return True
            if name not in seen:
                seen.add(name)
                left += after.get(name, ())
        return False

    return [(a, b) for a, b in edges if not any(reaches(other, b) for other in after[a] if other != b)]


def draw(boxes: Sequence[Box], edges: Sequence[tuple[str, str]], caption: str, target: Path) -> None:
    """Writes the PNG."""
    columns = layers([box.name for box in boxes], edges)
    highest = max(len(column) for column in columns)
    width = MARGIN * 2 + len(columns) * BOX_WIDTH + (len(columns) - 1) * GAP_X
    height = MARGIN * 2 + highest * BOX_HEIGHT + (highest - 1) * GAP_Y + 28
    image = Image.new("RGB", (width * SCALE, height * SCALE), PAPER)
    pen = ImageDraw.Draw(image)
    corner: dict[str, tuple[float, float]] = {}
    for x, column in enumerate(columns):
        used = len(column) * BOX_HEIGHT + (len(column) - 1) * GAP_Y
        top = MARGIN + (height - 28 - 2 * MARGIN - used) / 2
        for y, name in enumerate(column):
            corner[name] = (MARGIN + x * (BOX_WIDTH + GAP_X), top + y * (BOX_HEIGHT + GAP_Y))
    states = {box.name: box.state for box in boxes}
    for source, end in edges:
        _edge(pen, corner[source], corner[end], faint="skipped" in (states[source], states[end]))
    for box in boxes:
        _box(pen, corner[box.name], box)
    pen.text((MARGIN * SCALE, (height - 26) * SCALE), caption, fill=QUIET, font=_font(12))
    target.parent.mkdir(parents=True, exist_ok=True)
    image.quantize(64).save(target, optimize=True)


def _box(pen: ImageDraw.ImageDraw, at: tuple[float, float], box: Box) -> None:
    fill, line = STATES.get(box.state, FAINT)
    x, y = at
    frame = [x * SCALE, y * SCALE, (x + BOX_WIDTH) * SCALE, (y + BOX_HEIGHT) * SCALE]
    pen.rounded_rectangle(frame, radius=8 * SCALE, fill=fill, outline=line, width=2 * SCALE)
    ink = QUIET if box.state == "skipped" else INK
    pen.text(((x + 12) * SCALE, (y + 9) * SCALE), box.name, fill=ink, font=_font(15, bold=True))
    pen.text(((x + 12) * SCALE, (y + 33) * SCALE), box.told, fill=line, font=_font(11))


def _edge(pen: ImageDraw.ImageDraw, start: tuple[float, float], end: tuple[float, float], faint: bool) -> None:
    x1, y1 = start[0] + BOX_WIDTH, start[1] + BOX_HEIGHT / 2
    x2, y2 = end[0], end[1] + BOX_HEIGHT / 2
    bend = max(GAP_X / 2, (x2 - x1) / 2)
    points = []
    for step in range(33):
        t = step / 32
        # A cubic curve that leaves and arrives level.
        x = (1 - t) ** 3 * x1 + 3 * (1 - t) ** 2 * t * (x1 + bend) + 3 * (1 - t) * t**2 * (x2 - bend) + t**3 * x2
        y = (1 - t) ** 3 * y1 + 3 * (1 - t) ** 2 * t * y1 + 3 * (1 - t) * t**2 * y2 + t**3 * y2
        points.append((x * SCALE, y * SCALE))
    colour = "#d5dae0" if faint else EDGE
    pen.line(points, fill=colour, width=2 * SCALE, joint="curve")
    tip = (x2 * SCALE, y2 * SCALE)
    pen.polygon([tip, (tip[0] - 7 * SCALE, tip[1] - 4 * SCALE), (tip[0] - 7 * SCALE, tip[1] + 4 * SCALE)], fill=colour)


def _font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    import matplotlib

    # Matplotlib brings DejaVu with it, so that the picture is the same on every machine.
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name), size * SCALE)
