"""An execution → what a notebook keeps of it: HTML, picture, text and data, together small enough to be saved and sent."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from yamlflow_nb.services.run_text import as_text
from yamlflow_nb.views.gallery import gallery
from yamlflow_nb.views.html import as_html
from yamlflow_nb.views.picture import draw_graph

if TYPE_CHECKING:
    from yamlflow_nb.services.execution import Execution

MIME = "application/vnd.yamlflow.run.v1+json"
LARGEST = 150_000
"""Characters that one saved output may have."""
_NO_PLOTS: Mapping[str, bytes] = {}


def bundle_of(execution: Execution) -> dict[str, Any]:
    """An execution as it stands, its pictures with it when it has ended."""
    return bundle(execution.snapshot(), gallery(execution.outputs))


def bundle(snapshot: Mapping[str, Any], plots: Mapping[str, bytes] = _NO_PLOTS) -> dict[str, Any]:
    """The run by media type. Of a large run goes what is least missed: first the reasons of nodes (``why`` tells them), the
    picture beside the page, the data, outputs that are pictures, the ends of texts. The page with its graph always stays."""
    picture = draw_graph(snapshot)
    data: dict[str, Any] = json.loads(json.dumps(snapshot, default=str))
    found: dict[str, Any] = {
        "text/html": as_html(snapshot, picture, plots),
        "image/png": base64.b64encode(picture.png).decode("ascii"),
        "text/plain": as_text(snapshot),
        MIME: data,
    }
    leaner: list[Callable[[], Any]] = [
        lambda: [node.pop("why", None) for node in data["nodes"]],
        lambda: found.pop("image/png"),
        lambda: found.pop(MIME),
        lambda: found.update({"text/html": as_html(snapshot, picture)}),
        lambda: found.update({"text/plain": found["text/plain"][:20_000] + "\n…"}),
        lambda: found.update({"text/html": as_html(snapshot, picture, most_rows=40)}),
        lambda: found.update({"text/html": as_html(snapshot, picture, most_rows=10)}),
        lambda: found.update({"text/html": as_html({**snapshot, "outputs": {}}, picture, most_rows=0)}),
    ]
    for step in leaner:
        if size(found) <= LARGEST:
            break
        step()
    return found


def size(found: Mapping[str, Any]) -> int:
    """Characters of a bundle in a notebook's file."""
    return len(json.dumps(found, ensure_ascii=False))
