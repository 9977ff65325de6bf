"""A program's text with ``{{ }}`` in it → the same with bind parameters: what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from yamlflow_nb.language.problem import ExpressionSyntaxError, Problem
from yamlflow_nb.language.value_scanner import closing_braces

_CODE = "YF134"
_MOST_SHOWN = 20
_NAME = re.compile(r"[A-Za-z_]\w*(?=\s*\Z)")
_WORD = re.compile(r"[A-Za-z_]\w*")


def unbound(text: str, field: str, advice: str, form: str = ":{name}") -> ExpressionSyntaxError:
    """The findings about a field that may not hold ``{{ }}``, one for each, each showing the bound form of the line in
    which it stands; ``form`` is how a bound name is read there."""
    stretches = list(islice(_stretches(text), _MOST_SHOWN))
    names = _names([text[start:end] for start, end in stretches])
    problems = []
    for (start, end), name in zip(stretches, names):
        line = _bound_line(text, stretches, [form.replace("{name}", name) for name in names], start)
        binding = f'inputBindings: {{{name}: "{text[start:end]}"}}'
        problems.append(Problem(_CODE, f"`{field}` may not hold {{{{ }}}}", start, end, f"{advice}: `{line}` with `{binding}`"))
    return ExpressionSyntaxError(problems)


def _stretches(text: str) -> Iterator[tuple[int, int]]:
    opened = text.find("{{")
    while opened >= 0:
        closed = closing_braces(text, opened)
        if closed < 0:
            closed = opened + 2
        yield opened, closed
        opened = text.find("{{", closed)


def _names(expressions: list[str]) -> list[str]:
    """A parameter's name for each expression: the last name in it, numbered where two expressions would share one."""
    given: dict[str, str] = {}
    for expression in expressions:
        inner = expression[2:-2].partition("|")[0]
        found = _NAME.search(inner) or _WORD.search(inner)
        base = found[0] if found else "value"
        name, number = base, 2
        while given.get(name, expression) != expression:
            name, number = f"{base}_{number}", number + 1
        given[name] = expression
    by_expression = {expression: name for name, expression in given.items()}
    return [by_expression[expression] for expression in expressions]


def _bound_line(text: str, stretches: list[tuple[int, int]], names: list[str], at: int) -> str:
    """The line around an offset with parameters in the place of its ``{{ }}``; quotes around one go with it."""
    first = text.rfind("\n", 0, at) + 1
    last = text.find("\n", at)
    last = len(text) if last < 0 else last
    pieces, position = [], first
    for (start, end), name in zip(stretches, names):
        if start < first or end > last:
            continue
        quoted = start > first and text[start - 1] in "'\"" and text[end : end + 1] == text[start - 1]
        pieces += [text[position : start - quoted], name]
        position = end + quoted
    return ("".join(pieces) + text[position:last]).strip()[:120]
