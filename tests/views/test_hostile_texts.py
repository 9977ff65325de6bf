"""What documents and tasks say is shown, never obeyed: not by a terminal, not by a page, not by a markup language."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

import yamlflow_nb as yf
from yamlflow_nb.views.bundle import bundle

HOSTILE = "\x1b[31m\x1b]52;c;eA==\x07[/][bold]\r\u202e<img src=x onerror=alert(1)></script><script>alert(1)</script>"
WRITTEN = "\\e[31m\\e]52;c;eA==\\a[/][bold]\\r\\u202e<img src=x onerror=alert(1)></script><script>alert(1)</script>"
SOUND = """\
name: p
description: words
nodes:
  - id: a
    title: words
    type: python
    code: n = given
    inputBindings: {given: word}
    outputs: {n: string}
outputs: {o: "{{ a.n }}"}
"""
PLACES = [
    ("name: p", "name: {}"), ("id: a", "id: {}"), ("type: python", "type: {}"), ("n: string}", "n: {}}}"), ("{n:", "{{{}:"),
    ("{o:", "{{{}:"), ("{given:", "{{{}:"), ("    code:", "    {}: 1\n    code:"),
    ("    code:", "    startWhen: {}\n    code:"),
    ("a.n }}", "a[{}] }}}}"), ("    code:", "    timeout: {}\n    code:"),
    ("description: words", "description: words\n{}: 1\n{}: 2"),
]  # fmt: skip


def quiet(shown: str) -> bool:
    return not any(char in shown for char in "\x1b\x07\r\u202e")


@pytest.mark.parametrize(("old", "new"), PLACES)
def test_a_finding_about_a_hostile_text_steers_no_terminal(old: str, new: str) -> None:
    found = yf.validate(SOUND.replace(old, new.replace("{}", f'"{WRITTEN}"').replace("{{", "{").replace("}}}}", "}}"), 1))
    assert found and all(quiet(one.render()) for one in found)


@pytest.fixture
def run(tmp_path):
    given = SOUND.replace("given: word", f'given: "{WRITTEN}"').replace("title: words", f'title: "{WRITTEN}"')
    fails = "  - {id: b, type: python, code: 'raise ValueError(given)', inputBindings: {given: '{{ a.n }}'}}\noutputs:"
    return yf.start(given.replace("outputs: {o", fails + " {o"), wait=True, store=str(tmp_path / "store.db"))


def test_a_run_shows_a_hostile_text_in_lines_of_its_own(run) -> None:
    assert run.nodes["a"].outputs["n"] == HOSTILE and "[/][bold]" in str(run)
    assert quiet(str(run)) and quiet(repr(run)) and quiet(run.why("b"))
    assert [line[0] for line in str(run).splitlines()] == ["✗", "├", "├", "│", "│", "└"]


class Elements(HTMLParser):
    """The elements of a page and the names of their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        self.attributes.update(name for name, _ in attrs)


def test_the_page_of_a_run_holds_no_element_of_a_hostile_text(run) -> None:
    page = Elements(bundle(run.snapshot())["text/html"])
    assert page.names <= {"div", "table", "thead", "tbody", "tr", "th", "td", "br", "p", "b", "img", "details", "summary"}
    assert page.attributes <= {"style", "scope", "title", "alt", "src"}
