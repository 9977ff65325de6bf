"""Triggers as tokens: one table of patterns, read with ``check``, ``take`` and ``expect``."""

from __future__ import annotations

import re
from typing import NamedTuple

from yamlflow_nb.language.trigger_advice import broken_event, stray
from yamlflow_nb.language.value_scanner import closing_braces, unclosed

_TOKEN = re.compile(
    r"(?P<event>event:(?P<source>[a-z0-9_*]+)\.(?P<name>[a-z][a-z0-9_]*)(?![\w.*:(-]))"
    r"|(?P<broken>event\s*:\s*(?:->|[\w.*:/-]|\?\.|[^\x00-\x7f\s])*(?:\s*\.\s*[A-Za-z]\w*)?)|(?P<braces>\{\{)|(?P<operator>&&|\|\||!(?!=)|\(|\)|,)"
    r"|(?P<compare>>=|<=|==|!=|>|<)|(?P<number>\d[\w.]*|-\d+)|(?P<word>[A-Za-z_][\w.*-]*)|(?P<other>.)",
    re.DOTALL,
)
_SPACE = re.compile(r"\s*")
_OPERATORS = {"and": "&&", "or": "||", "not": "!"}


class Token(NamedTuple):
    """A token: ``kind`` is ``event``, ``value``, ``compare``, ``number``, ``word``, ``end``, or an operator itself."""

    kind: str
    text: str
    start: int
    end: int
    source: str = ""
    name: str = ""


class Tokenizer:
    """The tokens of one text, one ahead."""

    __slots__ = ("_position", "text", "token")

    def __init__(self, text: str) -> None:
        self.text = text
        self._position = 0
        self.token = self._read()

    def take(self) -> Token:
        """The token at hand; the next one comes to hand."""
        token = self.token
        self.token = self._read()
        return token

    def _read(self) -> Token:
        space = _SPACE.match(self.text, self._position)
        start = space.end() if space is not None else self._position
        found = _TOKEN.match(self.text, start)
        if found is None:
            self._position = start
            return Token("end", "", start, start)
        end = self._position = found.end()
        kind = found.lastgroup
        text = found.group()
        if kind == "name" or found.start("event") >= 0:
            return Token("event", text, start, end, found["source"], found["name"])
        if kind == "operator":
            return Token(text, text, start, end)
        if kind == "braces":
            end = self._position = closing_braces(self.text, start)
            if end < 0:
                raise unclosed(self.text, start)
            return Token("value", self.text[start:end], start, end)
        if kind == "word":
            return Token(_OPERATORS.get(text, "word"), text, start, end)
        if kind == "broken":
            broken_event(text, start, end)
        if kind == "other":
            stray(self.text, start)
        return Token(str(kind), text, start, end)
