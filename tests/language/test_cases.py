"""The language, rule by rule: every case of ``cases/*.md`` is found as it is written there, and mended as it says.

``python -m tests.language.test_cases`` writes into the files what is found now: read the difference before believing it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.language.case_files import (
    CASES,
    Block,
    Case,
    Row,
    answer,
    changed,
    codes_in,
    findings,
    fixed,
    read_cases,
    rendered,
    shown_again,
    starts,
)
from yamlflow_nb.domain.error_codes import checks, document, expressions
from yamlflow_nb.language.functions import FUNCTIONS
from yamlflow_nb.testing import validate

FILES = sorted(CASES.glob("*.md"))


def collect(kind: type) -> list[Any]:
    found = []
    for path in FILES:
        for item in read_cases(path.read_text(encoding="utf-8")):
            if isinstance(item, kind):
                name = f"{path.stem}: {item.title}" + (f": {item.expression}" if isinstance(item, Row) else "")
                found.append(pytest.param(item, id=name))
    return found


DOCUMENTS = collect(Case)
ROWS = collect(Row)


def said(case: Case) -> dict[str, str]:
    """Kind of block → what it should say."""
    found = findings(case)
    all_said = {"found": rendered(found)}
    mended = fixed(case, found)
    if mended != case.document:
        all_said["diff"] = changed(shown_again(case.document, case.stand_ins), shown_again(mended, case.stand_ins))
    if "starts" in case.blocks:
        all_said = {"starts": starts(case)}
    return all_said


@pytest.mark.parametrize("case", DOCUMENTS)
def test_a_document_is_found_as_it_is_written(case: Case) -> None:
    assert case.blocks, f"nothing is said of the document under {case.title!r}"
    assert {kind: block.body for kind, block in case.blocks.items()} == said(case)


@pytest.mark.parametrize("case", [param for param in DOCUMENTS if "diff" in param.values[0].blocks])
def test_a_fix_settles_what_it_is_for(case: Case) -> None:
    found = findings(case)
    mended = fixed(case, found)
    left = {one.code for one in validate(mended)}
    assert not left & {one.code for one in found if one.fix is not None}, mended


@pytest.mark.parametrize("row", ROWS)
def test_an_expression_gives_what_is_written(row: Row) -> None:
    assert answer(row) == row.wanted


@pytest.mark.parametrize("code", sorted({**document.CODES, **expressions.CODES, **checks.CODES}))
def test_every_code_that_validation_gives_has_a_case(code: str) -> None:
    assert any(code in codes_in(path.read_text(encoding="utf-8")) for path in FILES), f"no case shows {code}"


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_every_function_has_a_right_use_and_a_wrong_one(name: str) -> None:
    uses = [row for (row,) in (param.values for param in ROWS) if re.search(rf"\b{name}\(|\| {name}\b", row.expression)]
    wrong = [row for row in uses if row.wanted.startswith(("error:", "YF"))]
    assert len(uses) > len(wrong) > 0


def test_a_rule_is_stated_once() -> None:
    names = [param.id for param in DOCUMENTS + ROWS]
    assert [name for name in names if names.count(name) > 1] == []


def write(path: Path) -> None:
    """Put what is found now into the blocks of a file."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    edits: list[tuple[int, int, list[str]]] = []
    for item in read_cases(text):
        if isinstance(item, Row):
            edits.append((item.line, item.line + 1, [lines[item.line].rpartition(" -> ")[0] + " -> " + answer(item)]))
            continue
        now = said(item)
        for kind, block in item.blocks.items():
            edits.append((block.first, block.first + len(block.body.splitlines()), now.pop(kind, "").splitlines()))
        last = max(item.blocks.values(), key=_last) if item.blocks else None
        for kind, body in now.items():
            assert last is not None, f"{item.title}: nothing is said of the document"
            edits.append((_last(last), _last(last), [f"```{kind}", *body.splitlines(), "```"]))
    for start, end, new in sorted(edits, key=lambda edit: edit[0], reverse=True):
        lines[start:end] = new
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def _last(block: Block) -> int:
    """The line behind a block's closing fence."""
    return block.first + len(block.body.splitlines()) + 1


if __name__ == "__main__":
    for file in FILES:
        write(file)
