"""Texts with statements are rendered in a sandbox, in a process that is killed when it goes too far."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from yamlflow_nb.infrastructure.texts.rendering import CannotRender, Renderer, own_text
from yamlflow_nb.infrastructure.texts.sandbox import TextError, rendered
from yamlflow_nb.language.long_text import parse_long_text
from yamlflow_nb.language.problem import ExpressionSyntaxError

VALUES = {"a": {"n": 3, "rows": [{"x": "q"}, {"x": "w"}], "keys": "data"}, "pipeline": {"input": {"month": 2}}}


@pytest.fixture(scope="module")
def render() -> Iterator[Renderer]:
    made = Renderer()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("text", "gives"),
    [
        ("{% for row in a.rows %}{{ loop.index }}{{ row.x | upper }} {% endfor %}", "1Q 2W "),
        ("{% if a.n > 2 %}many{% else %}few{% endif %}", "many"),
        ("{{ true }} {{ none }} {{ [1, 2.5] }} {{ {'k': 1} }}", 'true null [1,2.5] {"k":1}'),
        ("{{ len(a.rows) }} {{ a.rows | len }} {{ sum([1, 2]) }}", "2 2 3"),
        ("{{ b | default(0) }} {{ defined(b) }} {{ coalesce(b, 4) }} {% if b is defined %}x{% endif %}", "0 false 4 "),
        ("{{ a.keys }}", "data"),
        ("{% set total = a.n + 1 %}{{ total }}", "4"),
        ("{% macro cell(x) %}[{{ x }}]{% endmacro %}{{ cell(a.n) }}", "[3]"),
        ("{# nothing #}x", "x"),
    ],
)
def test_statements_and_the_language_of_values(text: str, gives: str) -> None:
    assert rendered(text, VALUES) == gives


@pytest.mark.trust("2A")
@pytest.mark.parametrize(
    "text",
    [
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ lipsum.__globals__['os'].popen('id').read() }}",
        "{{ self.__init__.__globals__ }}",
        "{{ a.__class__ }}", "{{ a | attr('__class__') }}", "{{ a['__class__'].__mro__ }}", "{{ ''.__class__ }}",
        "{{ '{0.__class__}'.format(a) }}", "{{ '%s' % a }}", "{{ 'x'.join(['a', 'b']) }}", "{{ a.rows.append(1) }}",
        "{{ ['x'] | map(attribute='__class__') | list }}", "{{ loop }}", "{{ caller() }}",
        "{% for x in a.rows %}{{ loop.__class__ }}{% endfor %}",
        "{% for x in a.rows %}{{ loop._iterator }}{% endfor %}",
        "{% include '/etc/passwd' %}", "{% import 'x' as y %}", "{% extends '/etc/passwd' %}",
        "{{ 2 ** 3 }}", "{{ 'a' * 10 ** 9 }}", "{{ 'x' | center(1000000000) }}", "{{ range(1000000) | len }}", "{{ missing }}",

        "{{ a.missing }}", "{{ a.rows[9] }}", "{{ 1 / 0 }}", "{{ 'a' > 1 }}", "{{ upper(1) }}", "{{ a.n() }}",
        "{{ len.__wrapped__ }}",
    ],
)  # fmt: skip
def test_nothing_but_data_is_reached(text: str) -> None:
    with pytest.raises(TextError):
        rendered(text, VALUES)


@pytest.mark.trust("2A")
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", "more than 1 s"),
        ("{% for i in range(99999) %}0123456789{% endfor %}", "longer than 256 KiB"),
        ("{{ 'a' * 1000000000 }}", "has no meaning"),
        ("{% macro again(n) %}{{ again(n) }}{% endmacro %}{{ again(1) }}", "."),
    ],
)
def test_what_goes_too_far_is_ended_and_the_next_text_is_rendered(render: Renderer, text: str, told: str) -> None:
    with pytest.raises(CannotRender, match=told):
        render({"template": text, "values": {}})
    assert render({"template": "{% if true %}{{ n }}{% endif %}", "values": {"n": 1}}) == "1"


def test_values_cross_to_the_process_as_they_are(render: Renderer) -> None:
    import datetime as dt

    text = "{% if true %}{{ format_date(day, '%d.%m.%Y') }} {{ name }}{% endif %}"
    assert render({"template": text, "values": {"day": dt.date(2025, 1, 31), "name": "Zoë\n"}}) == "31.01.2025 Zoë\n"


def test_a_user_s_own_text_lies_beside_the_configuration(tmp_path) -> None:
    (tmp_path / "yamlflow.toml").touch()
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "notification.txt").write_text("mine", encoding="utf-8")
    deep = tmp_path / "a" / "b"
    deep.mkdir(parents=True)
    assert own_text(deep, "notification.txt") == "mine" and own_text(deep, "other.txt") is None
    (deep / "yamlflow.toml").touch()
    assert own_text(deep, "notification.txt") is None, "a project of its own"


def test_the_names_that_a_text_reads_are_found_with_their_places() -> None:
    text = "{% for r in a.rows %}{{ r.x }} {{ b['n'] }}{% endfor %} {{ c.m | default(1) }} {{ pipeline.input.month }}"
    text += " {{ len(a.rows) }}"
    found = {one.reads[0].path: one.reads[0].guard for one in parse_long_text(text).expressions}
    assert found == {("a", "rows"): "plain", ("b", "n"): "plain", ("c", "m"): "default", ("pipeline", "input", "month"): "plain"}
    place = next(one for one in parse_long_text(text).expressions if one.reads[0].path[0] == "a")
    assert text[place.start : place.end] == "a.rows"


@pytest.mark.parametrize("text", ["{% for %}", "{% if a %}", "{% include 'x' %}", "{% nosuch %}", "{{ a b }}{# #}"])
def test_a_text_that_cannot_be_read_is_told(text: str) -> None:
    with pytest.raises(ExpressionSyntaxError):
        parse_long_text(text)
