"""What a notebook keeps of a run."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from tests.views.snapshots import node, snapshot
from yamlflow_nb.views.bundle import LARGEST, MIME, bundle, size
from yamlflow_nb.views.gallery import gallery

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'\x1b[2J"


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))


def tags(html):
    parser = Tags()
    parser.feed(html)
    return parser.found


def test_a_run_is_kept_as_page_picture_text_and_data():
    found = bundle(snapshot([node("a"), node("b", "running")], [("a", "b")]))
    assert set(found) == {"text/html", "image/png", "text/plain", MIME}
    assert json.loads(json.dumps(found))[MIME]["nodes"][0]["id"] == "a"
    assert "✓ a" in found["text/plain"]


def test_the_page_is_a_picture_with_words_and_a_table_with_heads():
    shown = tags(bundle(snapshot([node("a"), node("b", "failed")], [("a", "b")]))["text/html"])
    images = [attributes for tag, attributes in shown if tag == "img"]
    assert len(images) == 1 and images[0]["src"].startswith("data:image/png;base64,")
    assert "a completed" in images[0]["alt"] and "b failed" in images[0]["alt"]
    assert [attributes["scope"] for tag, attributes in shown if tag == "th"] == ["col"] * 4 + ["row"] * 2


def test_texts_of_a_run_cannot_become_a_page():
    error = {"code": "YF410", "type": HOSTILE, "message": HOSTILE, "hint": HOSTILE}
    bad = node("a", "failed", title=HOSTILE, reason=HOSTILE, error=error, outputs={HOSTILE: HOSTILE})
    html = bundle(snapshot([bad], pipeline=HOSTILE, error=error, outputs={HOSTILE: HOSTILE}))["text/html"]
    allowed = {"div", "b", "br", "img", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "progress", "p"}
    assert {tag for tag, _ in tags(html)} <= allowed
    assert all(not name.startswith("on") for _, attributes in tags(html) for name in attributes)
    assert "\x1b" not in html


def test_a_page_needs_nothing_that_an_untrusted_notebook_strips():
    html = bundle(snapshot([node("a")]))["text/html"]
    assert not re.search(r"<(svg|script|iframe|object|link)|aria-|role=|javascript:", html)


@pytest.mark.parametrize("count", [10, 59, 150, 1000, 10_000])
def test_a_saved_run_is_at_most_150_kb(count):
    nodes = [
        node(f"node_number_{i}", ("completed", "failed", "running", "skipped")[i % 4], why=["because"] * 8,
             outputs={f"value_{k}": "x" * 80 for k in range(6)},
             error={"code": "YF410", "type": "ValueError", "message": "y" * 900, "hint": None} if i % 4 == 1 else None)
        for i in range(count)
    ]  # fmt: skip
    found = bundle(snapshot(nodes, [(f"node_number_{i}", f"node_number_{i + 1}") for i in range(count - 1)]))
    assert size(found) <= LARGEST and "<img" in found["text/html"]


def test_of_many_nodes_those_are_open_that_one_looks_for():
    nodes = [node(f"n{i}", "failed" if i == 70 else "completed") for i in range(100)]
    html = bundle(snapshot(nodes))["text/html"]
    before, folded = html.split("<details>")
    assert ">n70<" in before and ">n69<" not in before and "all 100 nodes: 1 failed, 99 completed" in folded


def test_outputs_that_are_pictures_are_shown_small_and_others_are_left(tmp_path):
    from PIL import Image

    Image.linear_gradient("L").resize((3000, 900)).save(tmp_path / "large.png")
    (tmp_path / "no.png").write_text("no picture")
    file = {"format": "png", "size": 1, "sha256": "0"}
    outputs = {
        "plot": {"path": str(tmp_path / "large.png"), **file}, "no": {"path": str(tmp_path / "no.png"), **file},
        "gone": {"path": str(tmp_path / "gone.png"), **file}, "rows": 3,
    }  # fmt: skip
    plots = gallery(outputs)
    assert list(plots) == ["plot"]
    shown = snapshot([node("a")], status="completed", outputs={"plot": "file, png", "rows": "3"})
    html = bundle(shown, plots)["text/html"]
    assert html.count("<img") == 2 and 'alt="plot"' in html and "rows</b> = 3" in html
