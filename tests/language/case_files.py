"""Reads the files of cases: a heading states a rule, prose explains it, a document shows it, and a block says what is found.

- ``yaml``: the document. A label that ends in ``.yaml`` makes it a file that the document may name. ``where ⇥ is \\t`` puts
  characters into it that a page cannot show, ``where § is x*1000`` many of them, ``where ↵ is \\r\\n`` other line breaks.
- ``found``: every finding as it is shown, ``line:column-end`` first, or ``valid``.
- ``diff``: the lines that the fixes change.
- ``starts``: what each node waits for.
- ``given``: names with their values, for the rest of the file; ``values``: ``expression -> value``, ``-> absent``,
  ``-> error: why`` or ``-> YF...: why``; ``texts``: the same for quoted texts with ``{{ }}`` in them; ``scalars``: for what
  stands behind a key. Values are JSON, or ``date`` and ``datetime`` with their text. What Python itself says of a syntax error
  differs between its versions and is left out.
"""

from __future__ import annotations

import datetime as dt
import difflib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.domain.names import Absent
from yamlflow_nb.executors.registry import task_types
from yamlflow_nb.language.derivation import starts_of
from yamlflow_nb.language.evaluation import ExpressionError, evaluate, render
from yamlflow_nb.language.fixes import apply_fixes
from yamlflow_nb.language.functions import kind_of
from yamlflow_nb.language.problem import ExpressionSyntaxError
from yamlflow_nb.language.validation import validate_text
from yamlflow_nb.language.value_parser import parse_template, parse_value
from yamlflow_nb.language.yaml_reader import read_document

CASES = Path(__file__).parent / "cases"
_HEADING = re.compile(r"^##+ (?P<title>.+)$")
_FENCE = re.compile(r"^```(?P<kind>\w+) ?(?P<label>.*)$")
_STAND_IN = re.compile(r"(\S) is (\S+)")
_PYTHONS_WORDS = re.compile(r"(YF210: this is no value expression): .*")
_ROW = re.compile(r"^(?P<expression>.*\S) +-> (?P<wanted>.*)$")


class Block(NamedTuple):
    kind: str
    label: str
    body: str
    first: int
    """The line of the file in which the body begins, from 0."""


class Case(NamedTuple):
    """One rule with the document that shows it, and the blocks that say what comes of it."""

    title: str
    document: str
    stand_ins: tuple[tuple[str, str], ...]
    files: dict[str, str]
    blocks: dict[str, Block]


class Row(NamedTuple):
    """One line of a table of values."""

    title: str
    kind: str
    expression: str
    wanted: str
    given: dict[str, Any]
    line: int


def blocks_of(text: str) -> Iterator[tuple[str, Block]]:
    """(heading, fenced block) in order."""
    title, kind, label, first, body = "", None, "", 0, []
    for number, line in enumerate(text.splitlines()):
        if kind is not None:
            if line == "```":
                yield title, Block(kind, label, "".join(f"{one}\n" for one in body), first)
                kind = None
            else:
                body.append(line)
        elif found := _HEADING.match(line):
            title = found["title"]
        elif found := _FENCE.match(line):
            kind, label, first, body = found["kind"], found["label"], number + 1, []
    assert kind is None, f"an open fence under {title!r}"


def read_cases(text: str) -> Iterator[Case | Row]:
    """The cases and the rows of a file, in order."""
    given: dict[str, Any] = {}
    case: Case | None = None
    for title, block in blocks_of(text):
        if case is not None and title != case.title:
            yield case
            case = None
        if block.kind == "given":
            given = yaml.safe_load(block.body)
        elif block.kind in ("values", "texts", "scalars"):
            for number, line in enumerate(block.body.splitlines()):
                found = _ROW.match(line)
                assert found, f"no row of values: {line!r}"
                yield Row(title, block.kind, found["expression"], found["wanted"], given, block.first + number)
        elif block.kind == "yaml":
            if block.label.endswith(".yaml"):
                assert case is not None, f"{title!r}: the document comes before the files that it names"
                case.files[block.label] = block.body
            else:
                assert case is None, f"{title!r}: one document shows one rule"
                stand_ins = tuple(_STAND_IN.findall(block.label))
                case = Case(title, filled(block.body, stand_ins), stand_ins, {}, {})
        elif block.kind in ("found", "diff", "starts"):
            assert case is not None and block.kind not in case.blocks, f"{title!r}: a block `{block.kind}` without a document"
            case.blocks[block.kind] = block
    if case is not None:
        yield case


def filled(document: str, stand_ins: tuple[tuple[str, str], ...]) -> str:
    """A document with what its stand-ins stand for."""
    for sign, written in stand_ins:
        text, _, times = written.partition("*")
        meant = json.loads(f'"{text}"') * int(times or 1)
        document = document.replace("\n" if sign == "↵" else sign, meant)
    return document


def shown_again(text: str, stand_ins: tuple[tuple[str, str], ...]) -> str:
    """A text with the stand-ins put back, as a page shows it."""
    for sign, written in stand_ins:
        if "*" not in written:
            text = text.replace(json.loads(f'"{written}"'), "\n" if sign == "↵" else sign)
    return text


def findings(case: Case) -> list[Diagnostic]:
    return validate_text(case.document, task_types(), read_file=case.files.get)[1]


def rendered(found: list[Diagnostic]) -> str:
    """What a ``found`` block says of them."""
    return "".join(f"{_rendered(one)}\n" for one in found) or "valid\n"


def _rendered(one: Diagnostic) -> str:
    end = str(one.end_column) if one.end_line == one.line else f"{one.end_line}:{one.end_column}"
    place = f"{one.line}:{one.column}-{end}"
    shown = one.render().replace(f"<text>:{one.line}:{one.column}:", place, 1)
    return "\n".join(line.rstrip() for line in _PYTHONS_WORDS.sub(r"\1", shown).split("\n"))


def changed(before: str, after: str) -> str:
    """What a ``diff`` block says of a fix."""
    lines = difflib.unified_diff(before.splitlines(True), after.splitlines(True), n=0)
    return "".join(f"{line.rstrip()}\n" for line in lines if not line.startswith(("---", "+++", "@@")))


def fixed(case: Case, found: list[Diagnostic]) -> str:
    return apply_fixes(case.document, found)


def starts(case: Case) -> str:
    """``node: expression``, one a line."""
    definition, found = validate_text(case.document, task_types())
    assert definition is not None, rendered(found)
    return "".join(f"{node.id}: {start.text}\n" for node, start in zip(definition.nodes, starts_of(definition)))


class _Given:
    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def lookup(self, name: str) -> Any:
        return self.values.get(name, Absent(name))

    lookup_now = lookup


def answer(row: Row) -> str:
    """What a row's expression gives, as its right side says it."""
    if row.kind == "scalars":
        document, found = read_document(f"x: {row.expression}\n")
        return f"{found[0].code}: {found[0].message}" if found else value_text(document.root.items["x"].value)
    given = _Given(row.given)
    try:
        if row.kind == "texts":
            template = parse_template(json.loads(row.expression))
            assert template is not None, f"no {{{{ }}}} in {row.expression}"
            value = render(template, given)
        else:
            text = "{{ " + row.expression + " }}"
            value = evaluate(parse_value(text, 0, len(text)), given)
    except ExpressionSyntaxError as error:
        return _PYTHONS_WORDS.sub(r"\1", f"{error.problems[0].code}: {error.problems[0].message}")
    except ExpressionError as error:
        return "error: " + re.sub(r" \(in `.*`\)$", "", error.problem.message)
    return "absent" if isinstance(value, Absent) else value_text(value)


def value_text(value: Any) -> str:
    if isinstance(value, (dt.date, dt.datetime)):
        return f"{kind_of(value)} {value.isoformat()}"
    return json.dumps(value, ensure_ascii=False)


def codes_in(text: str) -> set[str]:
    """The codes that a file's ``found`` blocks and tables name."""
    told = (block.body for _, block in blocks_of(text) if block.kind in ("found", "values", "texts", "scalars"))
    return {code for body in told for code in re.findall(r"YF\d{3}", body)}
