"""Lines that are no YAML and belong to what the document was copied from: a fence of Markdown, a cell magic, ``%YAML 3.0``."""

from __future__ import annotations

import re

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.domain.source import SourceText
from yamlflow_nb.language.locate import diagnostic_at
from yamlflow_nb.language.quoting import shown

_LINE = re.compile(r"(?P<fence>```|~~~)[\w{}. -]*(?=\r?$)|(?P<magic>%%\w[^\r\n]*)|(?P<directive>%[A-Z]+\b[^\r\n]*)", re.MULTILINE)
_WHAT = {"fence": "a fence of Markdown", "magic": "the magic of a cell", "directive": "a directive of YAML"}


def foreign_line(source: SourceText, offset: int) -> tuple[int, int, Diagnostic] | None:
    """The line of such a kind at an offset: its place without the line break, and the finding; None where it is none."""
    text = source.text
    start = text.rfind("\n", 0, offset) + 1
    found = _LINE.match(text, start)
    if found is None:
        return None
    end = found.end()
    behind = re.compile(r"\r?\n|\Z").match(text, end)
    line_end = behind.end() if behind is not None else end
    diagnostic = diagnostic_at(
        source, "YF119", start, end, f"{_WHAT[str(found.lastgroup)]} does not belong into the document: {shown(found[0])}",
        hint="remove the line", fix=("remove the line", [(start, line_end, "")]),
    )  # fmt: skip
    return start, end, diagnostic
