"""Where a value stands: the text of a document, and spans in it counted as people count."""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import NamedTuple

_LINE_BREAK = re.compile(r"\r\n|\n|\r")


class Span(NamedTuple):
    """A range of a text: lines and columns from 1, in characters, the end exclusive."""

    line: int
    column: int
    end_line: int
    end_column: int


class SourceText:
    """A text and its name (a path, or ``<cell>``); turns offsets (0-based, in characters) into spans."""

    __slots__ = ("_starts", "name", "text")

    def __init__(self, text: str, name: str = "<text>") -> None:
        self.text = text
        self.name = name
        self._starts: list[int] | None = None

    def _line_starts(self) -> list[int]:
        if self._starts is None:
            self._starts = [0, *(found.end() for found in _LINE_BREAK.finditer(self.text))]
        return self._starts

    def position(self, offset: int) -> tuple[int, int]:
        """``(line, column)`` of an offset, both from 1; an offset beyond the text is its end."""
        starts = self._line_starts()
        offset = max(0, min(offset, len(self.text)))
        line = bisect_right(starts, offset) - 1
        return line + 1, offset - starts[line] + 1

    def offset(self, line: int, column: int) -> int:
        """The offset of a line and column (from 1); beyond the text it is the text's end."""
        starts = self._line_starts()
        if line > len(starts):
            return len(self.text)
        return min(starts[line - 1] + column - 1, len(self.text))

    def span(self, start: int, end: int) -> Span:
        """The span between two offsets, the end exclusive."""
        return Span(*self.position(start), *self.position(max(start, end)))

    def line_text(self, line: int) -> str:
        """One line (from 1) without its line break; empty beyond the text."""
        starts = self._line_starts()
        if not 1 <= line <= len(starts):
            return ""
        end = starts[line] if line < len(starts) else len(self.text)
        return self.text[starts[line - 1] : end].rstrip("\r\n")
