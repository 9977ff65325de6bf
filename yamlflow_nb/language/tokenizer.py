"""Triggers as tokens: one table of patterns, read with ``check``, ``take`` and ``expect``."""

from __future__ import annotations

import re
from typing import NamedTuple, NoReturn

from yamlflow_nb.language.problem import ExpressionSyntaxError, Problem
from yamlflow_nb.language.value_parser import closing_braces, unclosed

_TOKEN = re.compile(
    r"(?P<event>event:(?P<source>[a-z0-9_*]+)\.(?P<name>[a-z][a-z0-9_]*)(?![\w.*:(-]))"
    r"|(?P<broken>event\s*:\s*[\w.*:-]*)|(?P<braces>\{\{)|(?P<operator>&&|\|\||!(?!=)|\(|\)|,)"
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


def refuse(
    code: str,
    message: str,
    start: int,
    end: int,
    hint: str | None = None,
    fix: tuple[str, list[tuple[int, int, str]]] | None = None,
) -> NoReturn:
    """Raise ``ExpressionSyntaxError`` with one finding."""
    raise ExpressionSyntaxError([Problem(code, message, start, max(end, start + 1), hint, fix)])


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
            _broken_event(text, start, end)
        if kind == "other":
            _stray(self.text, start)
        return Token(str(kind), text, start, end)


def _broken_event(text: str, start: int, end: int) -> NoReturn:
    """``event:`` with something behind it that is no SOURCE.EVENT."""
    body = re.sub(r"^event\s*:\s*", "", text)
    source, dot, _ = body.partition(".")
    if body and re.fullmatch(r"[a-z0-9_*]+\.[a-z][a-z0-9_]*", body):
        fixed = f"event:{body}"
        if fixed == text:
            refuse("YF204", f"behind `{text}` stands what belongs to no event", start, end, "an event takes no arguments")
        refuse(
            "YF204", "no space goes into an event atom", start, end, f"write {fixed}", (f"write `{fixed}`", [(start, end, fixed)])
        )
    if not body:
        refuse("YF204", "an event atom names a node and an event", start, end, "write event:extract.completed")
    if not dot:
        fixed = f"event:{source}.completed"
        refuse("YF204", f"`{text}` names no event", start, end, f"write {fixed}", (f"write `{fixed}`", [(start, end, fixed)]))
    lowered = f"event:{body.lower().replace('-', '_')}"
    if re.fullmatch(r"event:[a-z0-9_*]+\.[a-z][a-z0-9_]*", lowered):
        refuse(
            "YF204",
            f"`{text}`: ids and events are written in small letters, digits and _",
            start,
            end,
            f"did you mean {lowered}?",
            (f"write `{lowered}`", [(start, end, lowered)]),
        )
    refuse(
        "YF204",
        f"`{text}` is no event atom: it is event:SOURCE.EVENT with a node's id (or pipeline, custom) and an event",
        start,
        end,
        "write event:extract.completed",
    )


_DOUBLED = {"&": "&&", "|": "||"}


def _stray(text: str, start: int) -> NoReturn:
    char = text[start]
    if char in _DOUBLED:
        doubled = _DOUBLED[char]
        if text[:start].endswith(doubled):
            fix = (f"write `{doubled}`", [(start, start + 1, "")])
            refuse("YF201", f"`{doubled}{char}` is written `{doubled}`", start, start + 1, None, fix)
        refuse(
            "YF201",
            f"`{char}` is written `{doubled}`",
            start,
            start + 1,
            None,
            (f"write `{doubled}`", [(start, start + 1, doubled)]),
        )
    turned = {"=>": ">=", "=<": "<="}.get(text[start : start + 2])
    if turned:
        fix = (f"write `{turned}`", [(start, start + 2, turned)])
        refuse("YF201", f"`{text[start : start + 2]}` is written `{turned}`", start, start + 2, None, fix)
    if char == "=" and text[:start].rstrip().endswith(")"):
        fix = ("write `==`", [(start, start + 1, "==")])
        refuse("YF201", "`=` compares nothing; a count is compared with `==`", start, start + 1, "did you mean `==`?", fix)
    hints = {
        "=": "values are compared inside {{ }}: {{ a.n == 1 }}",
        "{": "a value expression stands in double braces: {{ a.n > 0 }}",
        "'": "texts stand inside {{ }}",
        '"': "texts stand inside {{ }}",
    }
    refuse("YF201", f"{char!r} has no meaning in a trigger", start, start + 1, hints.get(char))
