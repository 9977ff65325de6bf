"""A finding inside one text: offsets in that text, before anyone knows where the text stands in a file."""

from __future__ import annotations

from dataclasses import dataclass


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


class ExpressionSyntaxError(Exception):
    """A text that is no expression; ``.problems`` says why and where."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.problems = problems
