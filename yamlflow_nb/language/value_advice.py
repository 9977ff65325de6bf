"""What people write inside ``{{ }}`` and how it is said here: other languages' operators, methods, and what lacks a part.

Places count in the whole text; ``start`` and ``end`` are those of the braces.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from keyword import iskeyword
from typing import NamedTuple

from yamlflow_nb.language.functions import FUNCTIONS
from yamlflow_nb.language.nearest import nearest
from yamlflow_nb.language.problem import Problem

SYNONYMS = {
    "length": "len", "size": "len", "count": "len", "uppercase": "upper", "touppercase": "upper", "upcase": "upper",
    "lowercase": "lower", "tolowercase": "lower", "downcase": "lower", "trim": "strip", "tojson": "json", "jsonstringify": "json",
    "fromjson": "from_json", "parsejson": "from_json", "string": "str", "tostring": "str", "integer": "int", "toint": "int",
    "tofloat": "float", "boolean": "bool", "substring": "slice", "substr": "slice", "d": "default", "ifnull": "coalesce",
    "nvl": "coalesce", "isdefined": "defined", "exists": "defined", "average": "sum", "sort": "sorted", "distinct": "unique",
    "includes": "contains", "hasprefix": "startswith", "hassuffix": "endswith", "strftime": "format_date",
}  # fmt: skip
"""Functions of other languages, in small letters without ``_``."""
OPERATORS = {"LShift": "<<", "RShift": ">>", "BitAnd": "&", "BitXor": "^", "MatMult": "@", "Pow": "**"}
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_NOT_FIRST = frozenset(("*", "/", "//", "%", "<", ">", "<=", ">=", "==", "!=", "|", ",", ".", ":", "and", "or", "in", "else"))
_NOT_LAST = (_NOT_FIRST | {"+", "-", "not", "if"}) - {","}
_OPERATORS = _NOT_LAST | {","}


class Token(NamedTuple):
    """One token that is no white space, with its place in the whole text."""

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def function_for(name: str) -> str | None:
    """The function of the table that is meant by a name."""
    meant = SYNONYMS.get(name.lower().replace("_", ""))
    return meant if meant in FUNCTIONS else nearest(name, FUNCTIONS)


def unclosed_bracket(tokens: Iterable[re.Match[str]], text: str) -> Problem | None:
    """The finding about ``{{ a.files[0 }}``: a bracket is open where ``}}`` stands; None where it is not that."""
    opened: list[tuple[str, int]] = []
    for found in tokens:
        if found.lastgroup == "open":
            opened.append((found.group(), found.start()))
        elif found.lastgroup == "close" and opened:
            if _CLOSING[opened[-1][0]] == found.group():
                opened.pop()
            elif text.startswith("}}", found.start()):
                sign, at = opened[-1]
                closing = "".join(_CLOSING[one] for one, _ in reversed(opened))
                place = len(text[: found.start()].rstrip())
                return Problem(
                    "YF202", f"`{sign}` is never closed", at, at + 1, f"close it with `{_CLOSING[sign]}` before `}}}}`",
                    (f"close it with `{closing}`", [(place, place, closing)]),
                )  # fmt: skip
            else:
                return None
    return None


def question(tokens: list[Token], at: int, text: str, start: int, end: int) -> Problem:
    """``c ? x : y`` of other languages."""
    message = "a choice is written `x if condition else y`"
    place = tokens[at].start
    colon = next((one for one in reversed(tokens[at:]) if one.text == ":"), None)
    if colon is None:
        return Problem("YF208", "'?' has no meaning in an expression", place, place + 1, message)
    condition, first = text[start + 2 : place].strip(), text[place + 1 : colon.start].strip()
    written = f" {first} if {condition} else {text[colon.end : end - 2].strip()} "
    plain = not any(one.text in ("(", "[", "{", "?") for one in (*tokens[:at], *tokens[at + 1 :])) and condition and first
    fix = ("write `x if condition else y`", [(start + 2, end - 2, written)]) if plain else None
    return Problem("YF208", message, place, place + 1, f"{{{{{written}}}}}" if plain else None, fix)


def syntax_problem(tokens: list[Token], text: str) -> Problem | None:
    """Why Python cannot read it, in words of our own; None where none of them fits."""
    for rule in _RULES:
        found = rule(tokens, text)
        if found is not None:
            return found
    return None


def _keyword_as_key(tokens: list[Token], text: str) -> Problem | None:
    for dot, word in pairwise(tokens):
        if dot.text == "." and word.kind == "word" and iskeyword(word.text):
            written = f"['{word.text}']"
            return Problem(
                "YF210", f"`{word.text}` is a word of the language, so it cannot stand behind a dot", word.start, word.end,
                f"write {written}", (f"write `{written}`", [(dot.start, word.end, written)]),
            )  # fmt: skip
    return None


def _unlike(tokens: list[Token], text: str) -> Problem | None:
    """``<>`` of SQL and Pascal."""
    for before, behind in pairwise(tokens):
        if before.text + behind.text == "<>" and before.end == behind.start:
            fix = ("write `!=`", [(before.start, behind.end, "!=")])
            return Problem("YF210", "`<>` is written `!=`", before.start, behind.end, None, fix)
    return None


def _operand_missing(tokens: list[Token], text: str) -> Problem | None:
    first, last = tokens[0], tokens[-1]
    if last.text in _NOT_LAST:
        return Problem("YF210", f"a value is missing behind `{last.text}`", last.start, last.end)
    if first.text in _NOT_FIRST:
        return Problem("YF210", f"a value is missing before `{first.text}`", first.start, first.end)
    for before, behind in pairwise(tokens):
        if before.text in _OPERATORS and behind.text in _NOT_FIRST - {",", ":"}:
            return Problem("YF210", f"a value is missing between `{before.text}` and `{behind.text}`", before.start, behind.end)
    return None


def _operator_missing(tokens: list[Token], text: str) -> Problem | None:
    """``a.n a.ok``: two values side by side."""
    for before, behind in pairwise(tokens):
        if _ends_value(before) and _begins_value(behind):
            hint = "join values with an operator: `and`, `or`, `+`, `==`"
            return Problem("YF210", f"an operator is missing before `{_clipped(behind.text)}`", behind.start, behind.end, hint)
    return None


def _ends_value(token: Token) -> bool:
    return token.kind in ("string", "number", "close") or (token.kind == "word" and not _is_operator(token))


def _begins_value(token: Token) -> bool:
    return token.kind in ("string", "number") or (token.kind == "word" and not _is_operator(token))


def _is_operator(token: Token) -> bool:
    return token.text in ("and", "or", "not", "in", "is", "if", "else") or (iskeyword(token.text) and token.text[0].islower())


def _else_missing(tokens: list[Token], text: str) -> Problem | None:
    words = [token for token in tokens if token.text in ("if", "else")]
    if tokens[0].text == "if":
        return Problem("YF210", "a choice begins with its value", words[0].start, words[0].end, "write `x if condition else y`")
    if len(words) % 2 and words[-1].text == "if":
        return Problem("YF210", "`if` has no `else`", words[-1].start, words[-1].end, "a choice is `x if condition else y`")
    return None


def _clipped(text: str) -> str:
    return text if len(text) <= 30 else f"{text[:29]}…"


_Rule = Callable[[list[Token], str], "Problem | None"]
_RULES: tuple[_Rule, ...] = (_keyword_as_key, _unlike, _else_missing, _operand_missing, _operator_missing)
