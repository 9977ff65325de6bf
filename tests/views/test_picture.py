"""The graph as a PNG."""

from __future__ import annotations

import itertools
from io import BytesIO

import pytest
from PIL import Image

from tests.views.snapshots import node, snapshot
from yamlflow_nb.views.palette import COLOURS
from yamlflow_nb.views.picture import MOST_BOXES, draw_graph


def opened(picture):
    return Image.open(BytesIO(picture.png)).convert("RGBA")


def test_every_state_has_its_own_colour_and_its_own_mark():
    images = {state: opened(draw_graph(snapshot([node("x", state)]))) for state in COLOURS}
    grey = {state: image.crop((20, 20, 90, 90)).convert("LA").tobytes() for state, image in images.items()}
    for one, other in itertools.combinations(COLOURS, 2):
        assert images[one].tobytes() != images[other].tobytes() and grey[one] != grey[other]


def test_the_paper_is_clear_and_boxes_are_not():
    image = opened(draw_graph(snapshot([node("x")])))
    assert image.getpixel((0, 0))[3] == 0 and image.getpixel((image.width // 2, image.height // 2))[3] == 255


def test_the_same_run_gives_the_same_picture():
    run = snapshot([node("a"), node("b", "failed")], [("a", "b")])
    assert draw_graph(run).png == draw_graph(run).png


def test_a_running_node_shows_how_far_it_is():
    half = node("x", "running", progress={"done": 5, "total": 10, "text": ""})
    done = node("x", "running", progress={"done": 10, "total": 10, "text": ""})
    assert draw_graph(snapshot([half])).png != draw_graph(snapshot([done])).png


@pytest.mark.parametrize("count", [1, MOST_BOXES, MOST_BOXES + 1, 160, 161, 2500, 10_000])
def test_a_picture_is_no_wider_than_a_page_and_small(count):
    nodes = [node(f"step_{i:05}", ("completed", "failed", "running")[i % 7 % 3]) for i in range(count)]
    edges = [(f"step_{i:05}", f"step_{i + 1:05}") for i in range(count - 1)]
    picture = draw_graph(snapshot(nodes, edges))
    assert picture.width <= 1100 and len(picture.png) <= 95_000


@pytest.mark.parametrize("count", [5, 14, 15, 59])
def test_a_picture_of_many_side_by_side_is_not_higher_than_one_can_take_in(count):
    names = [f"side_{i}" for i in range(count)]
    run = snapshot([node("start"), *map(node, names)], [("start", name) for name in names])
    assert draw_graph(run).height <= 900


def test_hostile_names_are_drawn_and_nothing_else():
    draw_graph(snapshot([node("x" * 5000), node("流\x00\u202e😀", "failed"), node("")]))


def test_an_empty_run_is_an_empty_picture():
    assert draw_graph(snapshot([])).png.startswith(b"\x89PNG")
