"""What is wrong, where, and what to do: one record for terminal, cell, REST and editor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from yamlflow_nb.domain.source import SourceText, Span

Severity = Literal["error", "warning", "note"]


class _Readable:
    """Lets a record be read as an attribute or as a key, the way its JSON form is read."""

    __slots__ = ()

    def __getitem__(self, key: str) -> Any:
        try:
            return getattr(self, key)
        except AttributeError:
            raise KeyError(key) from None


@dataclass(frozen=True)
class Edit(_Readable):
    """Replace a span (from 1, in characters, end exclusive) by a text."""

    line: int
    column: int
    end_line: int
    end_column: int
    text: str

    def to_dict(self) -> dict[str, Any]:
        return {
            "line": self.line,
            "column": self.column,
            "end_line": self.end_line,
            "end_column": self.end_column,
            "text": self.text,
        }


@dataclass(frozen=True)
class Fix(_Readable):
    """The one edit, or set of edits made together, that settles a diagnostic."""

    title: str
    edits: tuple[Edit, ...]
    by: str = "yamlflow validate --fix"
    """The command that applies it."""

    def to_dict(self) -> dict[str, Any]:
        return {"title": self.title, "edits": [edit.to_dict() for edit in self.edits]}


@dataclass(frozen=True)
class Related(_Readable):
    """Another place that belongs to the same diagnostic: the first of two equal keys, a step of a circle."""

    message: str
    span: Span


@dataclass(frozen=True)
class Diagnostic(_Readable):
    """One finding.

    ``code`` is stable and listed in the docs. Places count from 1, in characters, the end exclusive;
    they name the very token in the file, also inside quoted and block scalars. A finding without a place
    (a dead kernel, a missing input) has line 0. ``source`` is the text it speaks of, for drawing the caret.
    """

    code: str
    severity: Severity
    message: str
    line: int = 0
    column: int = 0
    end_line: int = 0
    end_column: int = 0
    hint: str | None = None
    fix: Fix | None = None
    related: tuple[Related, ...] = ()
    file: str | None = None
    source: SourceText | None = field(default=None, compare=False, repr=False)

    @property
    def span(self) -> Span:
        return Span(self.line, self.column, self.end_line, self.end_column)

    def to_dict(self) -> dict[str, Any]:
        """The JSON form: the same in ``--json``, REST and the editor."""
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "end_line": self.end_line,
            "end_column": self.end_column,
            "hint": self.hint,
            "fix": self.fix.to_dict() if self.fix else None,
            "related": [{"message": other.message, **other.span._asdict()} for other in self.related],
        }

    def render(self) -> str:
        """Plain text: place, code, message, the line with a caret under it, hint and fix."""
        place = f"{_one_line(self.file or '<text>')}:{self.line}:{self.column}: " if self.line else ""
        lines = [f"{place}{self.severity} {self.code}: {_harmless(self.message)}"]
        if self.line and self.source is not None:
            lines += _excerpt(self.source, self.span)
            for other in self.related:
                lines.append(f"  {_harmless(other.message)} (line {other.span.line}):")
                lines += _excerpt(self.source, other.span)
        if self.hint:
            lines.append(f"  hint: {_harmless(self.hint)}")
        if self.fix:
            lines.append(f"  fix: {_harmless(self.fix.title)} ({self.fix.by})")
        return "\n".join(lines)


def _harmless(text: str) -> str:
    """A text that cannot steer a terminal: messages and hints quote what a document, an input or a task says."""
    return text if text.isprintable() else "".join(char if char == "\n" else _one_line(char) for char in text)


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


_WIDEST_EXCERPT = 160


def _excerpt(source: SourceText, span: Span) -> list[str]:
    """The line of a span and a row of carets below it; a very long line is cut around the span."""
    text = "".join(
        char if char == "\t" or char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in source.line_text(span.line)
    )
    first = span.column - 1
    last = span.end_column - 1 if span.end_line == span.line else len(text)
    cut = max(0, first - _WIDEST_EXCERPT // 2)
    shown = text[cut : cut + _WIDEST_EXCERPT].replace("\t", " ")
    width = max(1, min(last, cut + len(shown)) - first)
    number = str(span.line)
    return [f"  {number} | {shown}", f"  {' ' * len(number)} | {' ' * (first - cut)}{'^' * width}"]


def errors(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Those that stop a run."""
    return [diagnostic for diagnostic in diagnostics if diagnostic.severity == "error"]


class DiagnosticError(Exception):
    """Base of the errors that carry diagnostics; its text is the rendered diagnostics."""

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        self.diagnostics: list[Diagnostic] = list(diagnostics)
        super().__init__("\n".join(diagnostic.render() for diagnostic in self.diagnostics))

    def _render_traceback_(self) -> list[str]:
        """IPython's hook for errors that are the user's to mend: the message alone, no traceback."""
        return str(self).splitlines()


class DefinitionError(DiagnosticError):
    """A pipeline definition that cannot run; ``.diagnostics`` says why and where."""


class InputError(DiagnosticError):
    """A missing, unknown or wrong input of a pipeline; ``.diagnostics`` names each."""


class ExecutionFailed(DiagnosticError):
    """A run that ended ``failed`` or ``cancelled``; ``.diagnostics`` holds the failing nodes' errors."""
