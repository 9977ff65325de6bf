"""Draws a run as a graph, as a cell shows it, on white paper: for the README's picture."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from yamlflow_nb.views.picture import draw_graph


def write_picture(run: Any, target: Path) -> None:
    """Writes the PNG of an execution."""
    drawn = Image.open(BytesIO(draw_graph(run.snapshot()).png)).convert("RGBA")
    paper = Image.new("RGBA", drawn.size, "#ffffff")
    paper.alpha_composite(drawn)
    target.parent.mkdir(parents=True, exist_ok=True)
    paper.convert("RGB").quantize(128).save(target, optimize=True)
