"""A snapshot → a PNG of its graph: one box a node, its state by colour and by mark. Drawn by Pillow alone.

The paper is clear and every text stands in a light box, so that it is read on light and dark pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from yamlflow_nb.views.board import Picture
from yamlflow_nb.views.boxes import draw_boxes
from yamlflow_nb.views.mosaic import draw_mosaic

MOST_BOXES = 60
"""Nodes above which the compact form is drawn."""


def draw_graph(snapshot: Mapping[str, Any]) -> Picture:
    """The picture of a run as it stands."""
    if len(snapshot["nodes"]) > MOST_BOXES:
        return draw_mosaic(snapshot["nodes"])
    return draw_boxes(snapshot["nodes"], tuple((source, target) for source, target in snapshot["edges"]))
