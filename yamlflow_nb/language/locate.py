"""Findings in offsets → diagnostics with places that people count by: line and column of the very token."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from yamlflow_nb.domain.diagnostic import Diagnostic, Edit, Fix, Related, Severity
from yamlflow_nb.domain.document import Document, MappingNode, Path, ScalarNode, SequenceNode
from yamlflow_nb.domain.source import SourceText
from yamlflow_nb.language.quoting import escaped_for, plain_stays_itself, quoted
from yamlflow_nb.language.scalar_places import exact_offsets, offsets_within

if TYPE_CHECKING:
    from yamlflow_nb.language.problem import Problem

Replacement = tuple[int, int, str]
"""Start and end (offsets in the file, end exclusive) and the new text."""


def diagnostic_at(
    source: SourceText,
    code: str,
    start: int,
    end: int,
    message: str,
    *,
    severity: Severity = "error",
    hint: str | None = None,
    fix: tuple[str, Sequence[Replacement]] | None = None,
    related: Iterable[tuple[str, int, int]] = (),
) -> Diagnostic:
    """A finding about the characters from ``start`` to ``end`` of the file."""
    return Diagnostic(
        code,
        severity,
        message,
        *source.span(start, end),
        hint=hint,
        fix=None if fix is None else file_fix(source, *fix),
        related=tuple(Related(text, source.span(first, last)) for text, first, last in related),
        file=source.name,
        source=source,
    )


def file_fix(source: SourceText, title: str, edits: Sequence[Replacement]) -> Fix:
    """A fix from edits in offsets of the file."""
    return Fix(title, tuple(Edit(*source.span(start, end), text) for start, end, text in edits))


def diagnostic_for(document: Document, path: Path, problem: Problem, severity: Severity = "error") -> Diagnostic:
    """A problem found in the text of the scalar at ``path`` as a diagnostic of the file: its place and its fix's edits are
    mapped through quotes, escapes, folds and indentation."""
    start, end = offsets_within(document, path, problem.start, problem.end)
    fix = None
    if problem.fix is not None:
        title, edits = problem.fix
        replacements = scalar_edits(document, path, edits)
        fix = (title, replacements) if replacements is not None else None
    return diagnostic_at(document.source, problem.code, start, end, problem.message, severity=severity, hint=problem.hint, fix=fix)


def scalar_edits(document: Document, path: Path, edits: Sequence[Replacement]) -> list[Replacement] | None:
    """Edits in the text of a scalar as edits of the file, or None where the scalar's style cannot hold them.

    New text is escaped as the scalar's quotes ask for; a plain scalar that would no longer read as itself is quoted whole.
    """
    node = document.find(path)
    if not isinstance(node, ScalarNode):
        return None
    if node.style == "":
        changed = _edited(node.text, edits)
        if not plain_stays_itself(changed):
            return [(node.start, node.end, quoted(changed))]
    mapped = []
    for start, end, text in edits:
        written = escaped_for(node.style, text)
        place = exact_offsets(document, path, start, end)
        if written is None or place is None:
            return None
        mapped.append((*place, written))
    return mapped


def place_of(document: Document, path: Path) -> tuple[int, int]:
    """Where a value stands in the file: the value itself, or its key where the value is empty or a block of lines."""
    node = document.find(path)
    key = document.key_at(path)
    if node is None:
        return (key.start, key.end) if key is not None else _deepest(document, path)
    if key is not None and (node.start == node.end or (isinstance(node, (MappingNode, SequenceNode)) and not node.flow)):
        return key.start, key.end
    return node.start, node.end


def _deepest(document: Document, path: Path) -> tuple[int, int]:
    return place_of(document, path[:-1]) if path else (0, 0)


def _edited(text: str, edits: Sequence[Replacement]) -> str:
    for start, end, replacement in sorted(edits, reverse=True):
        text = text[:start] + replacement + text[end:]
    return text
