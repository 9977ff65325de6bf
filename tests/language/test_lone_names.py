"""``{{ a.b }}`` takes a short way through the parser: it comes out as on the long one."""

from __future__ import annotations

import ast
import keyword

from hypothesis import given
from hypothesis import strategies as st

from yamlflow_nb.language.problem import ExpressionSyntaxError
from yamlflow_nb.language.value_parser import parse_template, parse_value

_ODD = st.sampled_from([*keyword.kwlist, "true", "null", "item", "run"])
_WORDS = st.one_of(_ODD, st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True))


@given(st.lists(_WORDS, min_size=1, max_size=7), st.integers(0, 3), st.integers(0, 3))
def test_a_lone_name_gives_the_tree_the_reading_and_the_places_of_the_whole_parser(words, before, behind):
    text = "{{" + " " * before + ".".join(words) + " " * behind + "}}"
    try:
        long_way = parse_value(text, 0, len(text))
    except ExpressionSyntaxError as error:
        long_way = error.problems
    try:
        template = parse_template(text)
        short_way = template.parts[0]
        assert template.whole and len(template.parts) == 1
    except ExpressionSyntaxError as error:
        assert error.problems == long_way
        return
    assert (short_way.text, short_way.reads, short_way.start, short_way.end) == (
        long_way.text, long_way.reads, long_way.start, long_way.end,
    )  # fmt: skip
    assert ast.dump(short_way.tree, include_attributes=True) == ast.dump(long_way.tree, include_attributes=True)
