"""Hostile and broken texts: each is refused in words, with a place, quickly; nothing is executed and nothing escapes."""

from __future__ import annotations

import time
from typing import Any

import pytest

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.domain.pattern import matches
from yamlflow_nb.testing import apply_fixes, simulate, validate

HEAD = "name: p\nnodes:\n  - {id: a, type: python, code: pass, outputs: {n: integer}}\n"


def codes(text: str | bytes) -> list[str]:
    return [found.code for found in validate(text) if found.severity == "error"]


def first(text: str | bytes) -> Diagnostic:
    found = [one for one in validate(text) if one.severity == "error"]
    assert found, "nothing was found wrong"
    assert found[0].line >= 1 and found[0].column >= 1
    return found[0]


def with_condition(expression: str) -> str:
    """A document whose second node starts by an expression."""
    written = expression.replace("'", "''")
    return HEAD + f"  - {{id: b, type: python, code: pass, startWhen: '{written}'}}\n"


ATTACKS = [
    "9**9**9", "4000000**4000000", "10**4000000 == 1", "9**4000000 % 7", "(9**99999)*(9**99999)", "'x'.ljust(10**9)",
    "'a'.expandtabs(10)", "(5).to_bytes(10,'big')", "'aa'.replace('a','b')", "f'{1:>1000000000}'", "['a' for i in 'b']",
    "[[0] for i in 'b'*9999]", "a.l.append(a.l)", "a.clear()", "a.pop('n')", "a.n = 0", "row = 1", "a.n > 0; a.missing",
    "rand() > 0.5", "randint(10) > 1", "().__class__.__bases__[0].__subclasses__()", "a.__class__", "__import__('os').system('id')",
    "open('/etc/passwd')", "lambda: 1", "(x := 1)", "{i: i for i in [1]}", "print(1)", "a.n if", "'\x00'", "a.n >",
    "globals()", "getattr(a, 'n')", "eval('1')", "*a", "yield", "await a", "a @ a", "1 if", "a.n is None", "{1, 2}", "a[0:1:1:1]",
    "-" * 5000 + "1 > 0", "~" * 5000 + "1", "(" * 5000 + "1" + ")" * 5000, "1" * 5000 + " > 0",
]  # fmt: skip


@pytest.mark.trust("2A")
@pytest.mark.parametrize("expression", ATTACKS)
def test_an_attack_is_refused_when_it_is_read(expression: str) -> None:
    started = time.perf_counter()
    assert codes(with_condition("{{ " + expression + " }}"))
    assert time.perf_counter() - started < 2


AT_RUN_TIME = [
    ("'x' * 100000000 == ''", "expression"), (" * ".join(["9999999999"] * 8) + " > 0", "expression"),
    ("'%d' % 1 == '1'", "expression"), ("1 / 0 > 1", "expression"), ("null > 1", "expression"), ("'a' > 1", "expression"),
    ("a.missing > 1", "expression"), ("a.n + 'x' == 1", "expression"),
]  # fmt: skip


@pytest.mark.trust("2A")
@pytest.mark.parametrize(("expression", "reason"), AT_RUN_TIME)
def test_what_has_no_value_fails_the_node_and_is_never_false(expression: str, reason: str) -> None:
    text = "name: p\nnodes:\n  - {id: a, type: python, code: pass}\n" + with_condition("{{ " + expression + " }}").split("\n", 3)[3]
    if codes(text):
        return
    done = simulate(text, outcomes={"a": {"state": "completed", "outputs": {"n": 1}}})
    assert (done.nodes["b"].state, done.nodes["b"].reason) == ("failed", reason)


@pytest.mark.trust("2A")
@pytest.mark.parametrize("name", ["items", "keys", "count", "values", "get"])
def test_a_name_is_a_key_of_the_data_never_a_method(name: str) -> None:
    text = (
        "name: p\nnodes:\n  - {id: a, type: python, code: pass}\n"
        + with_condition("{{ a." + name + " == 'val' }}").split("\n", 3)[3]
    )
    done = simulate(text, outcomes={"a": {"state": "completed", "outputs": {name: "val"}}})
    assert done.nodes["b"].state == "completed"


# The documents below are sound but for the one thing that is tried, so that nothing else can be what refuses them.

VALID = """\
name: p
description: words
nodes:
  - id: a
    type: python
    code: pass
    inputBindings:
      x: VALUE
"""


def holding(value: str) -> str:
    """A sound pipeline with some YAML as the value of a binding in line 8."""
    return VALID.replace("VALUE", value)


def test_the_document_around_what_is_tried_is_sound() -> None:
    assert codes(holding("1")) == codes(holding("[{a: [1]}]")) == codes(holding("\n        y: 1")) == []


def seconds(text: str | bytes) -> float:
    """What a validation costs this process, at best of three."""

    def once() -> float:
        started = time.process_time()
        validate(text)
        return time.process_time() - started

    return min(once() for _ in range(3))


TAGS = [
    "!!python/object/apply:os.system ['id']", "!!set {a}", "!!binary '@@@'", "!custom x", "!!str 1", "!!timestamp x", "!!omap []",
]  # fmt: skip


@pytest.mark.trust("B1")
@pytest.mark.parametrize("tag", TAGS)
def test_an_explicit_tag_is_refused_with_its_line(tag: str) -> None:
    text = holding(tag)
    assert set(codes(text)) == {"YF109"} and first(text).line == 8


def alias_bomb(indent: str = " " * 8) -> str:
    lines = ["", f"{indent}a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    return "\n".join(lines + [f"{indent}a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 10)])


def merge_bomb(indent: str = " " * 8) -> str:
    lines = ["", f"{indent}a0: &a0 {{k: v}}"]
    return "\n".join(lines + [f"{indent}a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}" for i in range(1, 9)])


@pytest.mark.trust("B2")
def test_anchors_and_aliases_are_refused_before_they_can_grow() -> None:
    text = holding(alias_bomb())
    assert set(codes(text)) == {"YF107"} and seconds(text) < 0.25
    assert codes(holding("&a 1")) == ["YF107"] and codes(holding("\n        y: &a 1\n        z: *a")) == ["YF107", "YF107"]


@pytest.mark.trust("B3")
def test_merge_keys_are_refused() -> None:
    text = holding(merge_bomb())
    assert set(codes(text)) == {"YF107", "YF108"} and seconds(text) < 0.25
    assert codes(holding("{<<: {b: 1}}")) == ["YF108"]


@pytest.mark.trust("B4")
@pytest.mark.parametrize("value", ["&a [*a]", "&a {b: *a}", "&a [[*a]]"])
def test_a_value_that_contains_itself_is_refused(value: str) -> None:
    assert set(codes(holding(value))) == {"YF107"} and first(holding(value)).line == 8


TWICE = [
    VALID + "name: q\n", VALID.replace("type: python", "type: python\n    type: python"), holding("{b: 1, b: 1}"),
    holding("[[{b: {c: 1, c: 2}}]]"), holding("{b: 1, 'b': 1}"),
]  # fmt: skip


@pytest.mark.trust("B5")
@pytest.mark.parametrize("text", TWICE)
def test_a_duplicate_key_is_refused_at_any_depth_and_both_places_are_shown(text: str) -> None:
    assert codes(text) == ["YF110"]
    found = first(text)
    assert len(found.related) == 1
    assert (found.related[0].span.line, found.related[0].span.column) < (found.line, found.column)


CORE = {
    "no": "no", "off": "off", "on": "on", "yes": "yes", "y": "y", "22:22": "22:22", "010": 10, "0o10": 8, "0x1F": 31, "1e3": 1000.0,
    "1.10": 1.1, "true": True, "null": None, "~": None, "2025-13-45": "2025-13-45", "2025-01-01": "2025-01-01", "1_000": "1_000",
}  # fmt: skip


@pytest.mark.trust("B6")
@pytest.mark.parametrize(("written", "value"), CORE.items())
def test_values_are_read_by_the_yaml_1_2_core_schema(written: str, value: Any) -> None:
    done = simulate(f"name: p\nnodes: [{{id: a, type: python, code: pass}}]\noutputs: {{x: {written}}}\n")
    assert done.outputs == {"x": value} and type(done.outputs["x"]) is type(value)


@pytest.mark.trust("B6")
@pytest.mark.parametrize("version", ["1.10", "2", "1e3"])
def test_an_unquoted_version_is_an_error_that_says_so_and_mends_it(version: str) -> None:
    text = VALID.replace("VALUE", "1").replace("description: words", f"version: {version}")
    assert codes(text) == ["YF138"] and version in first(text).message and "number" in first(text).message
    assert f'version: "{version}"' in apply_fixes(text, validate(text))


KEYS = ["{1: a}", "{~: 1}", "{true: 1}", "{[a]: 1}", "\n        ? [a]\n        : b", "\n        ? {b: 1}\n        : b", "{1.5: a}"]


@pytest.mark.trust("B7")
@pytest.mark.parametrize("value", KEYS)
def test_keys_are_texts(value: str) -> None:
    assert codes(holding(value)) == ["YF111"]


NUMBERS = {
    "9" * 5000: "YF116", "-" + "9" * 5000: "YF116", "0x" + "f" * 5000: "YF116", ".inf": "YF116", "-.inf": "YF116", ".nan": "YF116",
    "1e999": "YF116", str(2**300): "YF116", "!!int abc": "YF109", "!!float x": "YF109", "!!bool x": "YF109",
    "!!timestamp x": "YF109", "[" * 1000 + "]" * 1000: "YF104", "[" * 900 + "]" * 900: "YF104",
}  # fmt: skip


@pytest.mark.trust("B8")
@pytest.mark.parametrize(("value", "code"), NUMBERS.items(), ids=lambda value: value[:12])
def test_a_value_that_cannot_be_kept_is_a_diagnostic_with_its_place(value: str, code: str) -> None:
    assert set(codes(holding(value))) == {code} and first(holding(value)).line == 8


@pytest.mark.trust("B8")
def test_a_number_of_256_bits_is_kept_and_a_date_that_is_none_is_a_text() -> None:
    assert codes(holding(str(2**256 - 1))) == codes(holding("2025-13-45")) == []


LARGE = {
    "bytes": (VALID.replace("words", "x" * 1_100_000), "YF102"), "values": (holding("[" + "1," * 21_000 + "]"), "YF103"),
    "list": (holding("\n" + "        - a\n" * 30_000), "YF103"), "depth": (holding("[" * 40 + "]" * 40), "YF104"),
    "open": (holding("[" * 100_000), "YF104"), "mapping": (holding("{a: " * 40 + "1" + "}" * 40), "YF104"),
}  # fmt: skip


@pytest.mark.trust("B9")
@pytest.mark.parametrize(("text", "code"), LARGE.values(), ids=LARGE)
def test_what_is_too_large_or_too_deep_is_refused_within_a_quarter_of_a_second(text: str, code: str) -> None:
    assert codes(text)[0] == code and set(codes(text)) <= {code, "YF117"}
    assert seconds(text.replace("VALUE", "1")) < 0.25


@pytest.mark.trust("B9")
def test_what_stands_just_below_the_limits_is_read() -> None:
    assert codes(holding("[" * 25 + "]" * 25)) == codes(holding("[" + "1," * 19_000 + "]")) == []
    assert codes(VALID.replace("VALUE", "1").replace("words", "x" * 1_000_000)) == []


ENCODINGS = {
    "UTF-16": (VALID.encode("utf-16"), "YF101"), "UTF-32": (VALID.encode("utf-32"), "YF101"),
    "UTF-16 without mark": (VALID.encode("utf-16-le"), "YF101"),
    "Latin-1": (VALID.replace("words", "caf\xe9").encode("latin-1"), "YF101"),
    "NUL": (VALID.replace("words", "a\0b"), "YF101"), "NUL in bytes": (VALID.replace("words", "a\0b").encode(), "YF101"),
    "surrogate": (VALID.replace("words", "\ud800"), "YF101"), "escape": (VALID.replace("words", "\x1b[2J"), "YF101"),
    "tab": (VALID.replace("    code", "\tcode"), "YF112"), "second document": (VALID + "---\n" + VALID, "YF106"),
}  # fmt: skip


@pytest.mark.trust("B10")
@pytest.mark.parametrize(("text", "code"), ENCODINGS.values(), ids=ENCODINGS)
def test_other_encodings_control_characters_tabs_and_second_documents_are_refused(text: str | bytes, code: str) -> None:
    ours = text.replace("VALUE", "1") if isinstance(text, str) else text.replace(b"VALUE", b"1")
    assert codes(ours) == [code] and first(ours).line >= 1


@pytest.mark.trust("B10")
def test_a_byte_order_mark_and_letters_of_any_script_are_read() -> None:
    text = VALID.replace("VALUE", "\u65e5\u672c\u8a9e").replace("words", "caf\xe9 \U0001f600")
    assert codes(text) == codes(text.encode()) == codes(b"\xef\xbb\xbf" + text.encode()) == []


@pytest.mark.trust("B11")
def test_an_unquoted_expression_says_so_and_is_mended() -> None:
    text = HEAD + "  - id: b\n    type: python\n    code: pass\n    startWhen: {{ a.n > 0 }}\n"
    assert first(text).line == 7
    assert codes(apply_fixes(text, validate(text))) == []


@pytest.mark.trust("B11")
def test_a_comment_that_cuts_an_expression_is_found_and_mended() -> None:
    text = HEAD + "  - id: b\n    type: python\n    code: pass\n    startWhen: event:a.completed #1 && event:a.started\n"
    assert first(text).line == 7
    assert codes(apply_fixes(text, validate(text))) == []


@pytest.mark.trust("B31")
def test_a_pattern_costs_no_more_than_its_length() -> None:
    nodes = "".join(f"  - {{id: {'a' * 30}_{i}, type: python, code: pass}}\n" for i in range(200))
    text = f"name: p\nnodes:\n{nodes}  - {{id: z, type: python, code: pass, startWhen: 'event:{'a*' * 12}x.completed'}}\n"
    assert codes(text) and seconds(text) < 1


@pytest.mark.trust("B31")
def test_a_pattern_has_at_most_256_characters() -> None:
    text = "name: p\nnodes:\n  - {{id: a, type: python, code: pass}}\n"
    text += "  - {{id: z, type: python, code: pass, startWhen: 'event:{}.completed'}}\n"
    assert codes(text.format("*" * 256)) == []
    assert codes(text.format("*" * 257)) == ["YF209"]


@pytest.mark.trust("B31")
def test_matching_takes_no_longer_the_worse_the_fit_is() -> None:
    started = time.process_time()
    assert not matches("a*" * 20 + "b", "a" * 5000)
    assert matches("*a" * 20, "a" * 5000)
    assert time.process_time() - started < 0.2


@pytest.mark.trust("F47")
def test_nodes_that_wait_for_each_other_are_found_and_the_circle_is_printed() -> None:
    found = first(
        "name: p\nnodes:\n  - {id: a, type: python, code: pass, startWhen: 'event:b.completed'}\n"
        "  - {id: b, type: python, code: pass, startWhen: 'event:a.completed'}\n"
    )
    assert "a" in found.message and "b" in found.message and "->" in found.message.replace("→", "->")


@pytest.mark.trust("F48")
@pytest.mark.parametrize(("event", "meant"), [("extrct.completed", "extract"), ("extract.complete", "completed")])
def test_a_mistyped_node_or_event_names_the_nearest(event: str, meant: str) -> None:
    text = (
        "name: p\nnodes:\n  - {id: extract, type: python, code: pass}\n"
        f"  - {{id: b, type: python, code: pass, startWhen: 'event:{event}'}}\n"
    )
    found = first(text)
    assert meant in (found.hint or "") + found.message
    assert codes(apply_fixes(text, validate(text))) == []


NEVER = {
    "event:a.rejected": "YF", "event:a.approved": "YF", "event:a.completed && event:a.failed": "YF3",
    "{{ false }} && event:a.completed": "YF3", "event:pipeline.completed": "YF3", "event:a.completed && !event:a.completed": "YF3",
}  # fmt: skip


@pytest.mark.trust("F48")
@pytest.mark.parametrize(("start", "code"), NEVER.items())
def test_a_start_that_can_never_come_true_is_found_before_the_run(start: str, code: str) -> None:
    text = HEAD + f"  - {{id: b, type: python, code: pass, startWhen: '{start}'}}\n"
    assert [found for found in codes(text) if found.startswith(code)] and first(text).line == 4


@pytest.mark.trust("F49")
def test_what_can_no_longer_start_is_skipped_and_says_what_made_it_so() -> None:
    done = simulate(with_condition("event:a.failed"))
    assert (done.status, done.nodes["b"].state, done.nodes["b"].reason) == ("completed", "skipped", "unsatisfied")
    assert "decided by: event:a.failed is false" in done.why("b")


@pytest.mark.trust("F49")
def test_when_nothing_runs_and_nothing_is_awaited_what_is_left_is_skipped_in_the_same_instant() -> None:
    """``c`` fails to start at once, ``b`` with it; ``d`` and ``e`` would start after a pause, which nobody waits for."""
    text = HEAD + (
        "  - {id: b, type: python, code: pass, startWhen: 'event:a.failed || event:c.completed'}\n"
        "  - {id: c, type: python, code: pass, startWhen: 'event:a.failed'}\n"
        "  - {id: d, type: python, code: pass, startWhen: 'event:pipeline.paused && event:a.completed'}\n"
        "  - {id: e, type: python, code: pass, startWhen: 'event:a.completed && (event:pipeline.paused || event:d.completed)'}\n"
    )
    done = simulate(text, outcomes={"a": {"state": "completed", "duration": 3, "outputs": {"n": 1}}})
    assert done.status == "completed" and done.events[-1][0] == 3
    for name in "bcde":
        assert (done.nodes[name].state, done.nodes[name].finished_at) == ("skipped", 3), name
        assert "event:" in done.why(name).split("because: ")[1], name


@pytest.mark.trust("F50")
def test_an_error_in_an_expression_fails_the_node_with_expression_and_value() -> None:
    text = "name: p\nnodes:\n  - {id: a, type: python, code: pass}\n" + with_condition("{{ a.n > 1 }}").split("\n", 3)[3]
    done = simulate(text, outcomes={"a": {"state": "completed", "outputs": {"n": "x"}}})
    assert (done.nodes["b"].state, done.nodes["b"].reason) == ("failed", "expression")
    assert "'x'" in done.nodes["b"].error.message or '"x"' in done.nodes["b"].error.message
    assert done.nodes["b"].error.line == 4


@pytest.mark.trust("F51")
def test_a_condition_that_is_no_boolean_is_an_error() -> None:
    assert codes(with_condition("{{ a.n }}"))
    text = "name: p\nnodes:\n  - {id: a, type: python, code: pass}\n" + with_condition("{{ a.n }}").split("\n", 3)[3]
    done = simulate(text, outcomes={"a": {"state": "completed", "outputs": {"n": 1}}})
    assert (done.nodes["b"].state, done.nodes["b"].reason) == ("failed", "expression")


@pytest.mark.trust("F52")
def test_an_event_that_came_before_anyone_waited_counts_and_starts_a_node_once() -> None:
    text = with_condition("event:custom.go && event:a.completed")
    done = simulate(
        text, outcomes={"a": {"state": "completed", "duration": 5, "outputs": {"n": 1}}},
        events=[(1, "custom.go", {}), (2, "custom.go", {}), (9, "custom.go", {})],
    )  # fmt: skip
    assert done.nodes["b"].started_at == 5
    assert [kind for _, kind, _ in done.events].count("b.started") == 1


@pytest.mark.trust("F52")
@pytest.mark.parametrize("names", [("one", "two"), ("two", "one")])
@pytest.mark.parametrize("at", [1, 7])
def test_events_count_in_any_order_early_or_late_and_the_first_payload_stays(names: tuple[str, str], at: float) -> None:
    text = HEAD + (
        "  - {id: b, type: python, code: pass, inputBindings: {n: '{{ custom.one.n }}'}, "
        "startWhen: 'event:custom.one && event:custom.two && event:a.completed'}\noutputs: {n: '{{ custom.one.n }}'}\n"
    )
    sent = [(at, f"custom.{names[0]}", {"n": 1}), (at + 1, f"custom.{names[1]}", {"n": 1}), (at + 1.5, "custom.one", {"n": 2})]
    done = simulate(text, outcomes={"a": {"state": "completed", "duration": 5, "outputs": {"n": 1}}}, events=sent)
    assert done.nodes["b"].started_at == max(5, at + 1) and done.outputs == {"n": 1}
    assert [kind for _, kind, _ in done.events].count("b.started") == 1


@pytest.mark.trust("F53")
@pytest.mark.parametrize("order", [1, -1])
def test_stop_wins_over_start(order: int) -> None:
    nodes = [
        "  - {id: a, type: python, code: pass}\n",
        "  - {id: b, type: python, code: pass, startWhen: 'event:a.completed', stopWhen: 'event:a.completed'}\n",
    ]
    done = simulate("name: p\nnodes:\n" + "".join(nodes[::order]))
    assert (done.nodes["b"].state, done.nodes["b"].reason) == ("skipped", "stopWhen")
    assert "b.started" not in [kind for _, kind, _ in done.events]


STOPPED = "  - {id: b, type: python, code: pass, startWhen: 'event:custom.go', stopWhen: 'event:custom.halt'}\n"


@pytest.mark.trust("F53")
@pytest.mark.parametrize(
    ("events", "state", "started"),
    [
        ([(1, "custom.halt", {}), (1, "custom.go", {})], "skipped", False),
        ([(1, "custom.go", {}), (1, "custom.halt", {})], "cancelled", True),
        ([(1, "custom.go", {}), (3, "custom.halt", {})], "cancelled", True),
        ([(1, "pause", {}), (2, "custom.go", {}), (3, "custom.halt", {}), (4, "resume", {})], "cancelled", False),
    ],
    ids=["stop first", "start first", "while it runs", "while it is queued"],
)
def test_a_stop_before_during_and_after_the_start_ends_the_node(events: Any, state: str, started: bool) -> None:
    outcomes = {"a": {"state": "completed", "outputs": {"n": 1}}, "b": {"state": "completed", "duration": 9}}
    done = simulate(HEAD + STOPPED, outcomes=outcomes, events=events)
    assert (done.nodes["b"].state, done.nodes["b"].reason) == (state, "stopWhen")
    assert ("b.started" in [kind for _, kind, _ in done.events]) is started and done.events[-1][0] <= 4


_MANY_NODES = "".join(f"  - {{id: n{i}, type: python, code: pass, startWhen: event:m{i}.completed}}\n" for i in range(2000))
WIDE_TEXTS = {
    "tabs between brackets": "name: p\nnodes: [\n" + "\ta,\n" * 3000 + "]\n",
    "names that do not exist": "name: p\nnodes:\n" + _MANY_NODES,
    "values in SQL": 'name: p\nnodes: [{id: a, type: sql, query: "' + "{{ x }} " * 5000 + '"}]\n',
    "quotes that nothing closes": with_condition("{{ " + '\\"' * 100_000 + " }}"),
}


@pytest.mark.trust("B9")
@pytest.mark.parametrize("text", list(WIDE_TEXTS.values()), ids=list(WIDE_TEXTS))
def test_what_is_wrong_in_many_places_is_told_quickly(text: str) -> None:
    started = time.perf_counter()
    assert codes(text)
    assert time.perf_counter() - started < 2
