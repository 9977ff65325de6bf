"""Triggers: ``startWhen`` and its kin, from text to tree by recursive descent. Each function's docstring is its grammar line.

``&&`` binds tighter than ``||``, ``!`` tightest; ``and``, ``or`` and ``not`` are the same.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import NoReturn, cast

from yamlflow_nb.domain.expression import (
    And,
    Comparison,
    Constant,
    EventAtom,
    Not,
    Or,
    PatternAtom,
    Quantified,
    Quantifier,
    TriggerExpression,
    TriggerNode,
    ValueAtom,
)
from yamlflow_nb.language.problem import ExpressionSyntaxError, refuse
from yamlflow_nb.language.tokenizer import Token, Tokenizer
from yamlflow_nb.language.trigger_advice import no_condition, outside
from yamlflow_nb.language.value_parser import parse_template, parse_value

MOST_DEPTH = 48
MOST_CLOSED = 4096
LONGEST_PATTERN = 256
"""Longer texts are not tried again to see what closes them."""
_QUANTIFIERS = ("all", "any", "none", "count")
_CONSTANTS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


def parse_trigger(text: str) -> TriggerExpression:
    """A trigger's tree; offsets count in ``text``. Raises ``ExpressionSyntaxError``."""
    try:
        return _parsed(text)
    except ExpressionSyntaxError as error:
        raise _with_closing(text, error) from None


def _with_closing(text: str, error: ExpressionSyntaxError) -> ExpressionSyntaxError:
    """The error; with the fix that closes what is open, where nothing else is wrong."""
    problem = error.problems[0]
    closing = {"YF202": ")", "YF213": " }}"}.get(problem.code)
    if closing is None or problem.fix is not None or len(text) > MOST_CLOSED:
        return error
    end = len(text.rstrip())
    try:
        _parsed(text[:end] + closing)
    except ExpressionSyntaxError:
        return error
    fix = (f"close it with `{closing.strip()}`", [(end, end, closing)])
    return ExpressionSyntaxError([replace(problem, fix=fix)])


def _parsed(text: str) -> TriggerExpression:
    tokens = Tokenizer(text)
    if tokens.token.kind == "end":
        refuse("YF203", "the expression is empty", 0, max(1, len(text)), 'write "event:extract.completed", or true or false')
    root = _either(tokens, 1)
    if tokens.token.kind != "end":
        _unexpected(tokens, "&&, || or the end")
    return TriggerExpression(text, root)


def _either(tokens: Tokenizer, depth: int) -> TriggerNode:
    """either := both ("||" both)*"""
    first = _both(tokens, depth)
    if tokens.token.kind != "||":
        return first
    parts = [first]
    while tokens.token.kind == "||":
        tokens.take()
        parts.append(_both(tokens, depth))
    operands = tuple(part for side in parts for part in (side.operands if isinstance(side, Or) else (side,)))
    return Or(operands, first.start, parts[-1].end)


def _both(tokens: Tokenizer, depth: int) -> TriggerNode:
    """both := unary ("&&" unary)*"""
    first = _unary(tokens, depth)
    if tokens.token.kind != "&&":
        return first
    parts = [first]
    while tokens.token.kind == "&&":
        tokens.take()
        parts.append(_unary(tokens, depth))
    operands = tuple(part for side in parts for part in (side.operands if isinstance(side, And) else (side,)))
    return And(operands, first.start, parts[-1].end)


def _unary(tokens: Tokenizer, depth: int) -> TriggerNode:
    """unary := "!" unary | "(" either ")" | atom"""
    token = tokens.take()
    if token.kind == "event":
        return _event(token)
    if depth > MOST_DEPTH:
        refuse("YF209", f"the expression is nested more than {MOST_DEPTH} levels deep", token.start, token.end)
    if token.kind == "!":
        operand = _unary(tokens, depth + 1)
        return Not(operand, token.start, operand.end)
    if token.kind == "(":
        inside = _either(tokens, depth + 1)
        if tokens.token.kind != ")":
            if tokens.token.kind == "end":
                refuse("YF202", "`(` is never closed", token.start, token.end, "close it with `)`")
            _unexpected(tokens, "`)`")
        tokens.take()
        return inside
    if token.kind == "value":
        return ValueAtom(parse_value(tokens.text, token.start, token.end, in_trigger=True), token.start, token.end)
    if token.kind == "word":
        return _word(tokens, token)
    return _no_atom(tokens, token)


def _event(token: Token) -> EventAtom | PatternAtom:
    """event := "event:" (SOURCE | PATTERN) "." EVENT"""
    if "*" in token.source:
        if len(token.source) > LONGEST_PATTERN:
            message = f"a pattern has at most {LONGEST_PATTERN} characters, this has {len(token.source)}"
            refuse("YF209", message, token.start, token.end, "several short ones: any(event:a_*.completed, event:b_*.completed)")
        return PatternAtom(token.source, token.name, token.start, token.end)
    if not token.source[0].isalpha():
        refuse("YF204", f"`{token.source}` is no id: it begins with a small letter", token.start, token.end)
    return EventAtom(token.source, token.name, token.start, token.end)


def _word(tokens: Tokenizer, token: Token) -> TriggerNode:
    """word := "true" | "false" | quantified"""
    if token.text in _CONSTANTS:
        return Constant(_CONSTANTS[token.text], token.start, token.end)
    if token.text in _QUANTIFIERS and tokens.token.kind == "(":
        return _quantified(tokens, token)
    no_condition(tokens.text, token.text, token.start, token.end)


def _quantified(tokens: Tokenizer, token: Token) -> Quantified:
    """quantified := ("all" | "any" | "none") "(" LIST ")" | "count" "(" LIST ")" COMPARE INTEGER"""
    opened = tokens.take()
    items = [_listed(tokens, token)]
    while tokens.token.kind == ",":
        tokens.take()
        items.append(_listed(tokens, token))
    if tokens.token.kind == "end":
        refuse("YF202", f"`{token.text}(` is never closed", token.start, opened.end, "close it with `)`")
    if tokens.token.kind != ")":
        _unexpected(tokens, "`,` or `)`")
    closed = tokens.take()
    compared = tokens.token.kind == "compare"
    if token.text != "count":
        if compared:
            refuse(
                "YF205",
                f"`{token.text}(...)` is true or false already",
                tokens.token.start,
                tokens.token.end,
                "count(...) is what is compared with a number",
            )
        return Quantified(cast(Quantifier, token.text), tuple(items), None, None, token.start, closed.end)
    if not compared:
        refuse("YF205", "`count(...)` is compared with a number", token.start, closed.end, "write count(...) >= 2")
    compare, number = tokens.take(), tokens.take()
    if number.kind != "number" or not number.text.lstrip("-").isdigit() or len(number.text) > 9:
        refuse(
            "YF205",
            f"`count(...)` is compared with an integer, not {number.text or 'nothing'}",
            number.start,
            number.end,
            "write count(...) >= 2",
        )
    return Quantified("count", tuple(items), cast(Comparison, compare.text), int(number.text), token.start, number.end)


def _listed(tokens: Tokenizer, owner: Token) -> EventAtom | PatternAtom:
    """LIST := event ("," event)*"""
    token = tokens.take()
    if token.kind == "event":
        return _event(token)
    if token.kind == "end":
        refuse("YF202", f"`{owner.text}(` is never closed", owner.start, owner.end + 1, "close it with `)`")
    listed = token.kind == "word" and re.fullmatch(r"[a-z0-9_*]+\.[a-z][a-z0-9_]*", token.text)
    refuse(
        "YF205",
        f"`{owner.text}(...)` lists events, not `{token.text}`",
        token.start,
        token.end,
        f"write {owner.text}(event:a.completed, event:b_*.completed)",
        (f"write `event:{token.text}`", [(token.start, token.start, "event:")]) if listed else None,
    )


def _no_atom(tokens: Tokenizer, token: Token) -> NoReturn:
    if token.kind == "end":
        written = tokens.text.rstrip()
        joined = re.search(r"(?:&&|\|\||!|,|\(|\b(?:and|or|not))\Z", written)
        start = joined.start() if joined is not None else max(0, len(written) - 1)
        refuse("YF201", "a condition is missing at the end", start, len(written))
    if token.kind == "compare" or token.kind == "number":
        outside(tokens.text, token.text, token.start, token.end)
    refuse("YF201", f"`{token.text}` stands where a condition is expected", token.start, token.end)


def _unexpected(tokens: Tokenizer, expected: str) -> NoReturn:
    token = tokens.token
    if token.kind == "compare":
        outside(tokens.text, token.text, token.start, token.end)
    if token.kind == ")":
        refuse("YF202", "`)` closes nothing", token.start, token.end)
    if token.kind == "word" and token.text in ("AND", "OR"):
        no_condition(tokens.text, token.text, token.start, token.end)
    hint = "join conditions with && or ||" if token.kind in ("event", "value", "word", "(", "!") else None
    refuse("YF201", f"expected {expected}, got `{token.text}`", token.start, token.end, hint)


__all__ = ["ExpressionSyntaxError", "parse_template", "parse_trigger"]
