"""Hostile and broken texts: each is refused in words, with a place, quickly; nothing is executed and nothing escapes."""

from __future__ import annotations

import time
from typing import Any

import pytest

from yamlflow_nb.domain.diagnostic import Diagnostic
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


@pytest.mark.trust("B1")
@pytest.mark.parametrize("tag", ["!!python/object/apply:os.system ['id']", "!!set {a}", "!!binary '@@@'", "!custom x", "!!str 1"])
def test_an_explicit_tag_is_refused_with_its_line(tag: str) -> None:
    found = first(f"name: p\ndescription: {tag}\nnodes: []\n")
    assert found.line == 2


def alias_bomb() -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    return "\n".join(lines) + "\n"


@pytest.mark.trust("B2")
def test_anchors_and_aliases_are_refused_before_they_can_grow() -> None:
    started = time.perf_counter()
    assert first(alias_bomb()).line <= 2
    assert time.perf_counter() - started < 1


@pytest.mark.trust("B3")
def test_merge_keys_are_refused() -> None:
    lines = ["a0: &a0 {k: v}"] + [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}" for i in range(1, 9)]
    started = time.perf_counter()
    assert codes("\n".join(lines))
    assert time.perf_counter() - started < 1
    assert "YF111" in codes("name: p\nnodes:\n  - {id: a, type: python, code: pass, <<: {b: 1}}\n") or codes("a: {<<: {b: 1}}")


@pytest.mark.trust("B4")
def test_a_list_that_contains_itself_is_refused() -> None:
    assert first("name: p\ntags: &a [*a]\nnodes: []\n").line == 2


@pytest.mark.trust("B5")
@pytest.mark.parametrize("text", ["name: a\nname: b\n", "name: a\nnodes:\n  - id: a\n    type: python\n    type: sql\n"])
def test_a_duplicate_key_is_refused_and_both_lines_are_named(text: str) -> None:
    found = [one for one in validate(text) if one.related]
    assert found and found[0].related[0].span.line < found[0].line


@pytest.mark.trust("B6")
@pytest.mark.parametrize(("written", "value"), [("no", "no"), ("22:22", "22:22"), ("010", 10), ("1e3", 1000.0), ("off", "off")])
def test_values_are_read_by_the_yaml_1_2_core_schema(written: str, value: Any) -> None:
    done = simulate(f"name: p\nnodes: [{{id: a, type: python, code: pass}}]\noutputs: {{x: {written}}}\n")
    assert done.outputs == {"x": value}


@pytest.mark.trust("B6")
def test_an_unquoted_version_is_an_error_that_says_so_and_mends_it() -> None:
    text = "name: p\nversion: 1.10\nnodes: [{id: a, type: python, code: pass}]\n"
    assert "1.10" in first(text).message
    assert 'version: "1.10"' in apply_fixes(text, validate(text))


@pytest.mark.trust("B7")
@pytest.mark.parametrize("text", ["1: a\n", "~: 1\n", "? [a]\n: b\n", "name: p\noutputs: {1: a}\n"])
def test_keys_are_texts(text: str) -> None:
    assert codes(text)


@pytest.mark.trust("B8")
@pytest.mark.parametrize(
    "value", ["9" * 5000, "!!int abc", "!!float x", "!!bool x", "!!timestamp x", ".inf", ".nan", "[" * 1000 + "]" * 1000, "1e999"]
)
def test_whatever_the_value_the_answer_is_a_diagnostic(value: str) -> None:
    assert first(f"name: p\ntimeout: {value}\nnodes: []\n")


@pytest.mark.trust("B9")
@pytest.mark.parametrize("text", ["[" * 100_000, "- a\n" * 30_000, "name: " + "x" * 1_100_000, "a: [" + "1," * 100_000 + "]"])
def test_what_is_too_large_or_too_deep_is_refused_quickly(text: str) -> None:
    started = time.perf_counter()
    assert codes(text)
    assert time.perf_counter() - started < 2


@pytest.mark.trust("B10")
@pytest.mark.parametrize(
    "text",
    [
        "name: p\n".encode("utf-16"),
        b"name: caf\xe9\n",
        b"name: \x00\n",
        "name: \ud800\n",
        "name: p\nnodes:\n\t- id: a\n",
        "name: p\n---\nname: q\n",
    ],
)
def test_other_encodings_and_second_documents_are_refused(text: str | bytes) -> None:
    assert first(text)


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
    started = time.perf_counter()
    assert codes(text)
    assert time.perf_counter() - started < 2


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


@pytest.mark.trust("F49")
def test_what_can_no_longer_start_is_skipped_and_says_for_what_it_waited() -> None:
    done = simulate(with_condition("event:a.failed"))
    assert (done.status, done.nodes["b"].state, done.nodes["b"].reason) == ("completed", "skipped", "unsatisfied")
    assert "event:a.failed" in done.why("b")


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


@pytest.mark.trust("F53")
@pytest.mark.parametrize("order", [1, -1])
def test_stop_wins_over_start(order: int) -> None:
    nodes = [
        "  - {id: a, type: python, code: pass}\n",
        "  - {id: b, type: python, code: pass, startWhen: 'event:a.completed', stopWhen: 'event:a.completed'}\n",
    ]
    done = simulate("name: p\nnodes:\n" + "".join(nodes[::order]))
    assert (done.nodes["b"].state, done.nodes["b"].reason) == ("skipped", "stopWhen")


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
