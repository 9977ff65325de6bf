"""Diagnostics → a mended text: their fixes applied in one pass."""

from __future__ import annotations

from collections.abc import Iterable

from yamlflow_nb.domain.diagnostic import Diagnostic, Fix
from yamlflow_nb.domain.source import SourceText

_Edit = tuple[int, int, str]


def apply_fixes(text: str, diagnostics: Iterable[Diagnostic]) -> str:
    """The text with the fixes of the diagnostics applied.

    A fix is applied whole or not at all: one that touches what an earlier one edits is left for the next pass
    (validate again, apply again). Diagnostics without a fix change nothing.
    """
    source = SourceText(text)
    accepted: list[_Edit] = []
    for diagnostic in diagnostics:
        if diagnostic.fix is not None:
            edits = _edits(source, diagnostic.fix)
            if not any(_clash(edit, other) for edit in edits for other in accepted):
                accepted += edits
    pieces: list[str] = []
    position = 0
    for start, end, replacement in sorted(accepted):
        pieces += (text[position:start], replacement)
        position = end
    return "".join(pieces) + text[position:]


def _edits(source: SourceText, fix: Fix) -> list[_Edit]:
    return [(source.offset(edit.line, edit.column), source.offset(edit.end_line, edit.end_column), edit.text) for edit in fix.edits]


def _clash(left: _Edit, right: _Edit) -> bool:
    """Whether two edits touch the same characters; two insertions at one place have no order, so they clash too."""
    return (left[0] < right[1] and right[0] < left[1]) or left[0] == right[0]
