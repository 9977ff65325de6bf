"""Findings that only follow from another one beside them: who mends the first is rid of the second, so it is not told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from yamlflow_nb.domain.diagnostic import Diagnostic

_Follows = Callable[[Diagnostic, Diagnostic], bool]
"""Whether the second finding follows from the first."""


def _value_behind_tag(cause: Diagnostic, other: Diagnostic) -> bool:
    return other.line == cause.line and 0 <= other.column - cause.end_column <= 1


def _cut_expression(cause: Diagnostic, other: Diagnostic) -> bool:
    """What is left of an expression that a comment cuts short."""
    return other.code.startswith("YF2") and other.line == cause.line and other.column < cause.column


def _same_number(cause: Diagnostic, other: Diagnostic) -> bool:
    """A number that cannot be kept is no duration and no text either."""
    return other.span == cause.span and other.code != cause.code


_RULES: dict[str, _Follows] = {
    "YF109": _value_behind_tag, "YF115": _cut_expression, "YF116": _same_number,
}  # fmt: skip


def without_consequences(found: list[Diagnostic]) -> list[Diagnostic]:
    """The findings that stand for themselves."""
    by_line: dict[int, list[Diagnostic]] = {}
    for one in found:
        if one.code in _RULES:
            by_line.setdefault(one.line, []).append(one)
    if not by_line and not any(one.code == "YF107" for one in found):
        return found
    told = []
    for one in found:
        causes = (cause for cause in by_line.get(one.line, ()) if cause is not one)
        if not _is_alias(one) and not any(_RULES[cause.code](cause, one) for cause in causes):
            told.append(_fitting(one, found) if one.code == "YF116" else one)
    return told


def _is_alias(one: Diagnostic) -> bool:
    """Whether nothing was found where an alias stands, which is told by itself."""
    if one.code != "YF123" or not one.message.endswith("this is nothing") or one.source is None:
        return False
    return one.source.line_text(one.line)[one.column - 1 : one.column] == "*"


def _fitting(cause: Diagnostic, found: list[Diagnostic]) -> Diagnostic:
    """A number that cannot be kept, with the hint of what is wanted in its place: quotes help only where that is a text."""
    other = next((one for one in found if _same_number(cause, one) and one.fix is None), None)
    return cause if other is None else replace(cause, fix=None, hint=other.hint)
