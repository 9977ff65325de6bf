"""A finding inside one text: offsets in that text, before anyone knows where the text stands in a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn


@dataclass(frozen=True)
class Problem:
    """Code, message and range (0-based, in characters, end exclusive) in the given text; ``fix`` is a title and edits of
    the same text."""

    code: str
    message: str
    start: int
    end: int
    hint: str | None = None
    fix: tuple[str, list[tuple[int, int, str]]] | None = None
    node: str | None = None
    """The fix is right only where a node of the document is called so."""


class ExpressionSyntaxError(Exception):
    """A text that is no expression; ``.problems`` says why and where."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = problems


def refuse(
    code: str,
    message: str,
    start: int,
    end: int,
    hint: str | None = None,
    fix: tuple[str, list[tuple[int, int, str]]] | None = None,
    node: str | None = None,
) -> NoReturn:
    """Raise ``ExpressionSyntaxError`` with one finding."""
    raise ExpressionSyntaxError([Problem(code, message, start, max(end, start + 1), hint, fix, node)])


def refuse_for(code: str, message: str, start: int, end: int, written: str, hint: str | None = None) -> NoReturn:
    """The same with the fix that writes something else in the place of what is wrong."""
    refuse(code, message, start, end, hint, (f"write `{written}`", [(start, end, written)]))
