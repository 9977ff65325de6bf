"""What people write in the place of a condition, and what it is called here: each with the edit that settles it, if one does."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from typing import NoReturn

from yamlflow_nb.domain.pipeline_definition import BUILT_IN_EVENTS, PIPELINE_EVENTS
from yamlflow_nb.language.lookalikes import latin, lookalike
from yamlflow_nb.language.problem import ExpressionSyntaxError, refuse, refuse_for
from yamlflow_nb.language.value_parser import parse_value
from yamlflow_nb.language.value_scanner import value_tokens

_EVENT = re.compile(r"event:[a-z0-9_*]+\.[a-z][a-z0-9_]*")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_JOINED = re.compile(r"([A-Za-z0-9_*-]+)(?:/|::?|\?\.|->|\.\.)([A-Za-z][A-Za-z0-9_]*)")
_EVENTS = frozenset((*BUILT_IN_EVENTS, *PIPELINE_EVENTS))
_MOST_TRIED = 500
_EXAMPLE = "write event:extract.completed"


def broken_event(text: str, start: int, end: int) -> NoReturn:
    """``event:`` with something behind it that is no SOURCE.EVENT."""
    _latin_event(text, start, end)
    body = re.sub(r"\s", "", text.partition(":")[2])
    source, dot, name = body.partition(".")
    written = f"event:{body}"
    if _EVENT.fullmatch(written):
        if written == text:
            message = f"behind `{text}` stands what belongs to no event"
            refuse("YF204", message, start, end, "an event takes no arguments")
        refuse_for("YF204", "no space goes into an event atom", start, end, written, f"write {written}")
    if not body:
        refuse("YF204", "an event atom names a node and an event", start, end, _EXAMPLE)
    joined = _JOINED.fullmatch(body)
    if joined is not None:
        written = f"event:{_small(joined[1])}.{_small(joined[2])}"
        refuse_for("YF204", f"`{text}`: a `.` stands between node and event", start, end, written, f"write {written}")
    if name == "*" and _NAME.fullmatch(source):
        hint = f"event:{source}.finished comes at any end; any(event:{source}.completed, event:{source}.failed) at one of some"
        refuse("YF204", f"`{text}`: an event is named; `*` stands for nodes alone", start, end, hint)
    shorter = f"event:{body.rstrip('.:/-')}"
    if _EVENT.fullmatch(shorter):
        refuse_for("YF204", f"`{text}`: behind the event stands nothing else", start, end, shorter, f"write {shorter}")
    if not dot and re.fullmatch(r"[a-z*][a-z0-9_*]*", source):
        written = f"event:{source}.completed"
        refuse_for("YF204", f"`{text}` names no event", start, end, written, f"write {written}")
    lowered = f"event:{_small(body)}"
    if _EVENT.fullmatch(lowered):
        message = f"`{text}`: ids and events are written in small letters, digits and _"
        refuse_for("YF204", message, start, end, lowered, f"did you mean {lowered}?")
    message = f"`{text}` is no event atom: it is event:SOURCE.EVENT with a node's id (or pipeline, custom) and an event"
    refuse("YF204", message, start, end, _EXAMPLE)


def _small(name: str) -> str:
    return name.lower().replace("-", "_")


def _latin_event(text: str, start: int, end: int) -> None:
    """Refuse an event with a letter of another script, or an invisible character, in it."""
    written = latin(text)
    at = next((at for at, char in enumerate(text) if not char.isascii()), None)
    if at is None:
        return
    problem = lookalike("YF204", text, at, range(at, at + 1))
    message = problem.message if problem is not None else f"{text[at]!r} has no place in an event: ids are a-z, 0-9 and _"
    if written is None:
        refuse("YF204", message, start + at, start + at + 1, "ids are [a-z][a-z0-9_]*")
    if not _EVENT.fullmatch(written):
        refuse("YF204", message, start + at, start + at + 1, _EXAMPLE)
    fix = (f"write `{written}`", [(start, end, written)])
    refuse("YF204", message, start + at, start + at + 1, f"write {written}", fix)


# Words ----------------------------------------------------------------------------------------------------------------

_WRITTEN = {
    "AND": "&&", "OR": "||", "NOT": "!", "And": "&&", "Or": "||", "Not": "!", "yes": "true", "on": "true", "no": "false",
    "off": "false",
}  # fmt: skip
_QUANTIFIERS = ("all", "any", "none", "count")
_OTHERS = {
    "always": "event:a.finished comes at any end; a node that runs at the end of all says event:pipeline.finishing",
    "success": "write event:a.completed, of each node that is meant",
    "failure": "write event:a.failed, of each node that is meant",
    "cancelled": "write event:a.cancelled, of each node that is meant",
}
"""Conditions of other products."""


def no_condition(text: str, word: str, start: int, end: int) -> NoReturn:
    """A word that stands where a condition is expected."""
    behind = text[end : end + 1]
    written = _WRITTEN.get(word) or _WRITTEN.get(word.lower())
    if written is not None:
        message = f"`{word}` is a text, no condition" if written in ("true", "false") else f"`{word}` is written `{written}`"
        refuse_for("YF201", message, start, end, written, f"write {written}")
    if behind == "(" and word.lower() in _QUANTIFIERS:
        refuse_for("YF201", f"`{word}(...)` is written in small letters", start, end, word.lower())
    if word in _OTHERS:
        refuse("YF201", f"`{word}` is no condition", start, end, _OTHERS[word])
    _bare_value(text, start)
    source, dot, name = word.partition(".")
    if dot and source and name:
        _dotted(word, name, start, end)
    if _NAME.fullmatch(word) and behind != "(":
        event = f"event:{word}.completed"
        fix = (f"write `{event}`", [(start, end, event)])
        refuse("YF201", f"`{word}` alone is no condition", start, end, f"a node's event is one: {event}", fix, word)
    hint = 'conditions are "event:node.event", {{ value }}, true and false'
    refuse("YF201", f"`{word}` is no condition", start, end, hint)


def _dotted(word: str, name: str, start: int, end: int) -> NoReturn:
    """``a.completed`` is an event without its beginning; what else is dotted may be a value."""
    message = f"`{word}` is neither an event nor a value"
    hint = f"write event:{word} for an event, {{{{ {word} }}}} for a value"
    if name in _EVENTS:
        refuse_for("YF201", message, start, end, f"event:{word}", hint)
    if "." in name:
        refuse_for("YF201", message, start, end, f"{{{{ {word} }}}}", f"a value stands in double braces: {{{{ {word} }}}}")
    refuse("YF201", message, start, end, hint)


def outside(text: str, token: str, start: int, end: int) -> NoReturn:
    """A comparison or number outside of ``{{ }}``."""
    _compared_event(text, start)
    _half_outside(text, start)
    _bare_value(text, start)
    refuse("YF201", f"`{token}` stands outside {{{{ }}}}", start, end, "values are compared inside {{ }}: {{ a.n > 0 }}")


_TRUE = re.compile(r"\s*==\s*true\b", re.IGNORECASE)
_COMPARED = re.compile(r"(?:==|!=|<=|>=|<|>)\s*(?:-?\d[\w.]*|'[^']*'|\"[^\"]*\"|[A-Za-z_][\w.]*)")
_BRACED = re.compile(r"\{\{((?:(?!\{\{|\}\}).)*?)\s*\}\}\s*\Z", re.DOTALL)


def _compared_event(text: str, start: int) -> None:
    """``event:a.completed == true``"""
    before = text[:start].rstrip()
    found = _TRUE.match(text, len(before))
    if found is not None and re.search(r"event:[a-z0-9_*]+\.[a-z0-9_]+\Z", before):
        fix = ("remove the comparison", [(found.start(), found.end(), "")])
        refuse("YF201", "an event is true or false by itself", start, found.end(), "leave the comparison out; `!` negates", fix)


def _half_outside(text: str, start: int) -> None:
    """``{{ a.n }} > 0``"""
    before, behind = _BRACED.search(text[:start]), _COMPARED.match(text, start)
    if before is None or behind is None or re.search(r"\b(?:and|or|if|not)\b", before[1]):
        return
    end = behind.end()
    fix = ("take the comparison into the braces", [(before.end(1), start, " "), (end, end, " }}")])
    hint = f"write {{{{{before[1]} {behind[0]} }}}}"
    refuse("YF201", f"`{behind[0]}` stands outside {{{{ }}}}", start, end, hint, fix)


def _bare_value(text: str, start: int) -> None:
    """Refuse a value expression without its braces: ``a.n > 0``. Its end is the next ``&&`` or ``||``."""
    end = _end_of_value(text, start)
    value = text[start:end].rstrip()
    braced = f"{{{{ {value} }}}}"
    try:
        tree = parse_value(braced, 0, len(braced)).tree
    except ExpressionSyntaxError:
        return
    if isinstance(tree, (ast.Compare, ast.Call)):
        hint = f"values stand in double braces: {braced}"
        refuse_for("YF201", f"`{value}` stands outside {{{{ }}}}", start, start + len(value), braced, hint)


def _end_of_value(text: str, start: int) -> int:
    depth = 0
    for found in value_tokens(text, start):
        kind, token = found.lastgroup, found.group()
        depth += {"open": 1, "close": -1}.get(str(kind), 0)
        ends = token in ("&&", "||", "event:", "and", "or") or text.startswith("{{", found.start())
        if depth < 0 or (depth == 0 and ends) or found.start() - start > _MOST_TRIED:
            return found.start()
    return len(text)


# Signs ----------------------------------------------------------------------------------------------------------------

_DOUBLED = {"&": "&&", "|": "||"}
_TURNED = {"=>": ">=", "=<": "<="}
_SIGN_HINTS = {
    "=": "values are compared inside {{ }}: {{ a.n == 1 }}",
    "{": "a value expression stands in double braces: {{ a.n > 0 }}",
    "'": "texts stand inside {{ }}",
    '"': "texts stand inside {{ }}",
    "?": "a trigger has no `? :`; write {{ x if condition else y }}",
}


def stray(text: str, start: int) -> NoReturn:
    """A sign that begins no token."""
    char, behind = text[start], text[start : start + 2]
    if char in _DOUBLED:
        doubled = _DOUBLED[char]
        if text[:start].endswith(doubled):
            fix = (f"write `{doubled}`", [(start, start + 1, "")])
            refuse("YF201", f"`{doubled}{char}` is written `{doubled}`", start, start + 1, None, fix)
        refuse_for("YF201", f"`{char}` is written `{doubled}`", start, start + 1, doubled)
    if behind in _TURNED:
        refuse_for("YF201", f"`{behind}` is written `{_TURNED[behind]}`", start, start + 2, _TURNED[behind])
    if char == "=" and text[:start].rstrip().endswith(")"):
        message = "`=` compares nothing; a count is compared with `==`"
        refuse_for("YF201", message, start, start + 1, "==", "did you mean `==`?")
    if behind == "{%":
        hint = "an expression has no statements; a choice is {{ x if condition else y }}, or two nodes with their startWhen"
        refuse("YF201", "`{%` begins a statement of Jinja", start, start + 2, hint)
    for sign, advice in _BY_SIGN.items():
        if char in sign:
            advice(text, start)
    problem = lookalike("YF201", text, start, range(len(text)))
    if problem is not None:
        # No dash and no quotation mark has a meaning here: another one would be as wrong.
        usable = problem.fix is not None and not any(edit[2] in ("-", "'", '"') for edit in problem.fix[1])
        raise ExpressionSyntaxError([problem if usable else replace(problem, fix=None)])
    refuse("YF201", f"{char!r} has no meaning in a trigger", start, start + 1, _SIGN_HINTS.get(char))


def _event_word(text: str, start: int) -> None:
    """``events:a.completed``"""
    word = re.search(r"(?i)\b(?:events?|evt|ev)\s*\Z", text[:start])
    if word is not None:
        refuse_for("YF204", f"an event atom begins with `event:`, not `{word[0]}:`", word.start(), start, "event", _EXAMPLE)


def _quotes(text: str, start: int) -> None:
    """Quotes around the whole expression, within those of YAML."""
    inner = text.strip()
    if start == len(text) - len(text.lstrip()) and len(inner) > 1 and inner[-1] in _QUOTATION:
        fix = ("remove the quotes", [(start, start + 1, ""), (start + len(inner) - 1, start + len(inner), "")])
        refuse("YF201", "the expression has quotes of its own within those of YAML", start, start + 1, None, fix)


def _dollar(text: str, start: int) -> None:
    """``${{ a }}`` and ``${a}`` of other products."""
    if text.startswith("${{", start):
        fix = ("remove the `$`", [(start, start + 1, "")])
        refuse("YF201", "`$` does not go before `{{`", start, start + 1, "a value is written {{ a.n > 0 }}", fix)
    single = re.compile(r"\$\{([^{}]*)\}").match(text, start)
    if single is not None:
        refuse_for("YF201", "`${...}` is written `{{ ... }}`", start, single.end(), f"{{{{ {single[1].strip()} }}}}")


_QUOTATION = "'\"\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb"
_BY_SIGN = {"$": _dollar, ":": _event_word, _QUOTATION: _quotes}
