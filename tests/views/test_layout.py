"""Where the graph's nodes stand."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from yamlflow_nb.views.layout import lay_out, needed

DIAMOND = [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")]


def test_columns_go_from_left_to_right_by_the_longest_way():
    spots = lay_out("abcd", [*DIAMOND, ("a", "d")]).spots
    assert [spots[name].column for name in "abcd"] == [0, 1, 1, 2]


def test_an_edge_that_a_longer_way_tells_is_left_out():
    assert needed([*DIAMOND, ("a", "d")]) == DIAMOND


def test_a_chain_lies_on_one_line():
    names = [f"n{i}" for i in range(6)]
    assert {spot.row for spot in lay_out(names, list(itertools.pairwise(names))).spots.values()} == {0.0}


def test_lines_that_need_not_cross_do_not():
    names = ["a1", "a2", "a3", "b3", "b2", "b1"]
    spots = lay_out(names, [("a1", "b1"), ("a2", "b2"), ("a3", "b3")]).spots
    assert [spots[f"a{i}"].row < spots[f"a{i + 1}"].row for i in (1, 2)] == [True, True]
    assert [spots[f"b{i}"].row < spots[f"b{i + 1}"].row for i in (1, 2)] == [True, True]


def test_an_edge_over_several_columns_goes_round_the_boxes_between():
    layout = lay_out("abcdx", [("a", "b"), ("b", "c"), ("c", "d"), ("a", "x"), ("x", "d")])
    way = layout.ways["x", "d"]
    assert [spot.column for spot in way] == [1, 2, 3] and way[1].row != layout.spots["c"].row


def test_a_long_graph_is_broken_into_bands_like_a_text_into_lines():
    names = [f"n{i:02}" for i in range(20)]
    layout = lay_out(names, list(itertools.pairwise(names)), per_band=7)
    assert [layout.spots[name].band for name in names] == [0] * 7 + [1] * 7 + [2] * 6
    assert layout.columns == 7 and layout.heights == [1, 1, 1]


def test_a_circle_is_drawn_without_the_way_back():
    assert set(lay_out("ab", [("a", "b"), ("b", "a")]).spots) == {"a", "b"}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 14), st.integers(0, 14)), max_size=40))
def test_no_two_boxes_overlap_and_every_edge_points_to_the_right(pairs):
    names = [f"n{i}" for i in range(15)]
    edges = [(f"n{min(pair)}", f"n{max(pair)}") for pair in pairs if pair[0] != pair[1]]
    layout = lay_out(names, edges, per_band=5)
    for one, other in itertools.combinations(layout.spots.values(), 2):
        assert (one.band, one.column) != (other.band, other.column) or abs(one.row - other.row) >= 1
    for way in layout.ways.values():
        assert all((a.band, a.column) < (b.band, b.column) for a, b in itertools.pairwise(way))
