"""What people get wrong, as files: each is refused where it is wrong, quickly, and no fix makes it worse."""

from __future__ import annotations

import re
import time
from collections import Counter
from pathlib import Path

import pytest

from yamlflow_nb.testing import apply_fixes, validate

CORPUS = Path(__file__).parent / "corpus"
SLOWEST = 0.25
_ROW = re.compile(r"^\| (?P<name>\w+) \| (?P<what>.+) \| (?P<found>YF\d{3}@\d+(?: YF\d{3}@\d+)*) \|$")
EXPECTED = {
    row["name"]: row["found"].split()
    for line in (CORPUS / "expected.md").read_text(encoding="utf-8").splitlines()
    if (row := _ROW.match(line))
}


def found_in(text: str | bytes) -> list[str]:
    """Each finding as code@line, after looking at how long it took and whether each can be shown."""
    started = time.process_time()
    found = validate(text)
    took = time.process_time() - started
    assert all(one.render() and one.to_dict() for one in found)
    assert took < SLOWEST, f"{took:.3f} s"
    return [f"{one.code}@{one.line}" for one in found]


def read(name: str) -> str:
    return (CORPUS / f"{name}.yaml").read_bytes().decode()


def test_every_document_is_expected_to_be_found_wrong() -> None:
    assert sorted(EXPECTED) == sorted(path.stem for path in CORPUS.glob("*.yaml"))


@pytest.mark.parametrize("name", EXPECTED)
def test_a_document_is_refused_where_it_is_wrong(name: str) -> None:
    found = found_in(read(name))
    assert set(EXPECTED[name]) <= set(found)


def _errors(text: str) -> Counter[str]:
    return Counter(one.code for one in validate(text) if one.severity == "error")


@pytest.mark.parametrize("name", EXPECTED)
def test_a_fix_makes_no_more_errors_of_its_code(name: str) -> None:
    text = read(name)
    for one in validate(text):
        if one.fix is not None:
            mended = apply_fixes(text, [one])
            assert mended != text
            assert _errors(mended)[one.code] <= _errors(text)[one.code], mended


DOCUMENT = "name: p\nnodes:\n  - {id: a, type: python, code: pass}\n"
NO_TEXT = {
    "UTF-16 with its mark": (DOCUMENT.encode("utf-16"), 1),
    "UTF-16, small end first, without a mark": (DOCUMENT.encode("utf-16-le"), 1),
    "UTF-16, big end first, without a mark": (DOCUMENT.encode("utf-16-be"), 1),
    "UTF-32": (DOCUMENT.encode("utf-32"), 1),
    "Latin-1": (b"name: p\ndescription: caf\xe9\nnodes: []\n", 2),
    "Windows-1252 quotes": (b"name: p\ndescription: \x93daily\x94\nnodes: []\n", 2),
    "a character that is cut": ("name: p\ndescription: ü".encode()[:-1], 2),
    "an overlong slash": (b"name: p\ndescription: \xc0\xaf\n", 2),
    "a surrogate in bytes": (b"name: p\ndescription: \xed\xa0\x80\n", 2),
    "half a surrogate pair": ("name: p\ndescription: \ud83d\nnodes: []\n", 2),
    "NUL": (b"name: p\ndescription: a\x00b\n", 2),
    "a bell": ("name: p\ndescription: \x07\n", 2),
    "an escape of the terminal": ("name: p\ndescription: \x1b[2J\n", 2),
    "delete": ("name: p\ndescription: \x7f\n", 2),
    "a vertical tab": ("name: p\n\x0bdescription: x\n", 2),
    "gzip": (b"\x1f\x8b\x08\x00\x00\x00\x00\x00", 1),
    "a picture": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", 1),
    "a workbook": (b"PK\x03\x04\x14\x00\x06\x00", 1),
}


@pytest.mark.trust("B10")
@pytest.mark.parametrize("what", NO_TEXT)
def test_what_is_no_text_is_refused_where_it_stops_being_one(what: str) -> None:
    text, line = NO_TEXT[what]
    assert found_in(text) == [f"YF101@{line}"]


HUGE = {
    "a hundred thousand open brackets": ("[" * 100_000, "YF104@1"),
    "a hundred thousand open braces": ("{" * 100_000, "YF104@1"),
    "a hundred thousand nested keys": ("\n".join(" " * i + "a:" for i in range(400)), "YF104@33"),
    "thirty thousand items": ("- a\n" * 30_000, "YF103@1"),
    "a hundred thousand items in a line": ("a: [" + "1," * 100_000 + "]", "YF103@1"),
    "a name of a megabyte": ("name: " + "x" * 1_100_000, "YF102@1"),
    "a hundred thousand quotes": ("'" * 100_001, "YF118@1"),
    "a hundred thousand exclamation marks": ("a: " + "!" * 100_000, "YF109@1"),
    "a line of a hundred thousand colons": ("a" + ":" * 100_000 + "\n- b", "YF117@1"),
    "fifty thousand tabs": ("a:\n" + "\t" * 50_000 + "b: 1\n", "YF112@2"),
    "a number of fifty thousand digits": (f"name: p\ntimeout: {'9' * 50_000}\n", "YF116@2"),
    "ten thousand mistyped fields": ("name: p\n" + "".join(f"nods{i}: 1\n" for i in range(9_000)), "YF121@2"),
    "an expression of thirty thousand conditions": (
        f"name: p\nstopWhen: {' && '.join(['event:custom.x'] * 30_000)}\nnodes: []\n", "YF140@3",
    ),
    "a hundred thousand open parentheses": (f"name: p\nstopWhen: {'(' * 100_000}\nnodes: []\n", "YF209@2"),
    "a template of five hundred braces": (
        f'name: p\nnodes: [{{id: a, type: shell, command: ["{"{{ 1 }}" * 500}{{{{"]}}]\n', "YF213@2",
    ),
    "a template of twenty thousand expressions": (
        f'name: p\nnodes: [{{id: a, type: shell, command: ["{"{{ 1 }}" * 20_000}"]}}]\n', "YF209@2",
    ),
    "an expression of a hundred thousand signs": (f'name: p\nstopWhen: "{{{{ {"-" * 100_000}1 }}}}"\nnodes: []\n', "YF209@2"),
}  # fmt: skip


@pytest.mark.trust("B9")
@pytest.mark.parametrize("what", HUGE)
def test_what_is_huge_is_refused_in_a_quarter_of_a_second(what: str) -> None:
    text, wanted = HUGE[what]
    assert wanted in found_in(text)
