"""A snapshot → a PNG of its graph: one box a node, its state by colour and by mark. Drawn by Pillow alone.

The paper is clear and every text stands in a light box, so that it is read on light and dark pages.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from yamlflow_nb.views.board import Picture
from yamlflow_nb.views.boxes import draw_boxes, height_of
from yamlflow_nb.views.mosaic import draw_mosaic

MOST_BOXES = 60
"""Nodes above which the compact form is drawn."""
_HIGHEST = 900
"""Pixels that one can still take in: a graph that would be higher is drawn in the compact form, too."""


def draw_graph(snapshot: Mapping[str, Any]) -> Picture:
    """The picture of a run as it stands."""
    nodes, edges = snapshot["nodes"], tuple((source, target) for source, target in snapshot["edges"])
    if len(nodes) > MOST_BOXES or height_of(nodes, edges) > _HIGHEST:
        return draw_mosaic(nodes)
    return draw_boxes(nodes, edges)
