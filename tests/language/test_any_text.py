"""Whatever the text, validation answers: it never raises, points into the text, can be shown, and its fixes can be made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.language.case_files import CASES, Case, findings, read_cases
from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.domain.pipeline_definition import CONTROL_FIELDS, PIPELINE_FIELDS
from yamlflow_nb.language.functions import FUNCTIONS
from yamlflow_nb.testing import apply_fixes, validate

DEMO = Path(__file__).parents[2] / "examples" / "flights" / "flights.pipeline.yaml"
VALID = [
    DEMO.read_text(encoding="utf-8"),
    *(
        item.document
        for path in sorted(CASES.glob("*.md"))
        for item in read_cases(path.read_text(encoding="utf-8"))
        if isinstance(item, Case) and not item.files and not findings(item)
    ),
]
SIGNS = """ \n\t\r:-#,[]{}()!&*|>'"%@`?.=<>+/\\~$;^_0aZé😀\u00a0\u2028\ufeff\x00\ud800"""
PIECES = st.sampled_from(
    [
        *["{{", "}}", "{{ ", " }}", "event:", "event:a.completed", "event:*.failed", "&&", " || ", "all(", "count(", ")", " >= 2"],
        *["not ", "a.n", "a.run.state", "pipeline.input.x", "system.outcome", "item", "secrets.x", " | default(0)", " == ", " # "],
        *[
            "\n",
            "\n  ",
            "\n    ",
            "- ",
            ": ",
            "[",
            "]",
            "{",
            "}",
            "'",
            '"',
            "''",
            "\\",
            "|\n",
            ">-\n",
            "&x ",
            "*x",
            "<<: ",
            "!!str ",
        ],
        *["---\n", "\t", "null", "true", "1e999", ".inf", "0x1F", "nodes:", "  - id: a", "name: p\n", "type: python", "code: pass"],
        "{% if %}",
    ]
)
WORDS = st.sampled_from(
    [*PIPELINE_FIELDS, *CONTROL_FIELDS, "type", "taskDefinition", "code", "path", "query", "when", "as", "until"]
)


def look_at(text: str | bytes) -> list[Diagnostic]:
    found = validate(text)
    lines = text.count("\n") + text.count("\r") + 1 if isinstance(text, str) else None
    for one in found:
        assert one.message and one.render() and json.dumps(one.to_dict())
        assert 1 <= one.line <= one.end_line and one.column >= 1
        assert (one.line, one.column) <= (one.end_line, one.end_column)
        assert lines is None or one.end_line <= lines
    return found


def look_at_fixes(text: str) -> None:
    """Each fix by itself, then all at once: at the place of what it is for there are no more findings like it than before."""
    found = look_at(text)
    for one in found:
        if one.fix is not None:
            after = look_at(apply_fixes(text, [one]))
            assert _like(one, after) <= _like(one, found)
    look_at(apply_fixes(text, found))


def _like(one: Diagnostic, found: list[Diagnostic]) -> int:
    return sum((other.code, other.line, other.column) == (one.code, one.line, one.column) for other in found)


@given(st.text(st.sampled_from(SIGNS) | st.characters(), max_size=200))
def test_any_text_is_answered(text: str) -> None:
    look_at(text)


@given(st.binary(max_size=200))
def test_any_bytes_are_answered(data: bytes) -> None:
    look_at(data)


@given(st.lists(PIECES, max_size=40).map("".join))
def test_any_text_made_of_our_words_is_answered_and_mended(text: str) -> None:
    look_at_fixes(text)
    look_at_fixes("name: p\nnodes:\n  - id: a\n    type: python\n    code: pass\n    startWhen: " + text)


@given(st.lists(PIECES, max_size=12).map("".join), st.sampled_from(["startWhen", "forEach", "title", "inputBindings", "failWhen"]))
def test_any_quoted_expression_is_answered_and_mended(text: str, field: str) -> None:
    written = json.dumps({"x": text} if field == "inputBindings" else text, ensure_ascii=False)
    look_at_fixes(
        f"name: p\nnodes:\n  - {{id: a, type: python, code: pass}}\n  - {{id: b, type: python, code: pass, {field}: {written}}}\n"
    )


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A valid document with a few characters or lines deleted, doubled, swapped or put in."""
    text = draw(st.sampled_from(VALID))
    for _ in range(draw(st.integers(1, 3))):
        by_line = draw(st.booleans())
        parts = text.splitlines(True) if by_line else list(text)
        if len(parts) < 2:
            break
        first, second = draw(st.integers(0, len(parts) - 1)), draw(st.integers(0, len(parts) - 1))
        how = draw(st.sampled_from(["delete", "double", "swap", "insert", "shift"]))
        if how == "delete":
            del parts[first]
        elif how == "double":
            parts.insert(second if by_line else first, parts[first])
        elif how == "swap":
            parts[first], parts[second] = parts[second], parts[first]
        elif how == "shift" and by_line:
            parts[first] = parts[first].removeprefix(" ") if draw(st.booleans()) else " " + parts[first]
        else:
            parts.insert(first, draw(st.sampled_from(SIGNS) | PIECES))
        text = "".join(parts)
    return text


@given(mutated())
def test_a_valid_document_with_something_wrong_is_answered_and_mended(text: str) -> None:
    look_at_fixes(text)


NUMBERS = st.integers() | st.floats() | st.booleans() | st.none()
SCALARS = NUMBERS | st.text(max_size=12) | st.dates() | st.datetimes() | st.binary(max_size=4) | WORDS | PIECES
DATA = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=6) | st.integers(), inner, max_size=5),
    max_leaves=20,
)


@given(DATA)
def test_any_data_is_answered(data: Any) -> None:
    look_at(yaml.safe_dump(data, allow_unicode=True))


@given(
    st.dictionaries(st.sampled_from(PIPELINE_FIELDS), DATA, max_size=6),
    st.lists(st.dictionaries(WORDS, DATA, max_size=6), max_size=3),
)
def test_any_values_under_the_names_of_fields_are_answered(head: dict[str, Any], nodes: list[dict[str, Any]]) -> None:
    kinds = ["python", "notebook", "sql", "approval", "subpipeline", "wait", "http", "shell"]
    told = [{"id": f"n{number}", "type": kinds[number], **node} for number, node in enumerate(nodes)]
    look_at(yaml.safe_dump({"name": "p", **head, "nodes": told}, allow_unicode=True, sort_keys=False))


@given(
    st.lists(
        st.sampled_from([*FUNCTIONS, "(", ")", ",", "x=", "1", "'a'", "[", "]", "a.n", " | ", "=", "**", "{", "}", ":"]),
        max_size=14,
    )
)
def test_any_value_expression_is_answered_and_mended(parts: list[str]) -> None:
    look_at_fixes(
        "name: p\nnodes: [{id: a, type: python, code: pass}]\noutputs:\n  x: " + json.dumps("{{ " + "".join(parts) + " }}") + "\n"
    )


@given(mutated(), mutated(), st.randoms(use_true_random=False))
def test_fixes_may_come_in_any_order_and_for_another_text(text: str, other: str, random: Any) -> None:
    found = validate(text)
    random.shuffle(found)
    look_at(apply_fixes(text, found))
    apply_fixes(other, found)
