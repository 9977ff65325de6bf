"""Aliases are refused; where what they stand for is one short value, the fix writes it out and takes the anchor away."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from yamlflow_nb.domain.diagnostic import Diagnostic, Fix, Related
from yamlflow_nb.domain.document import Document, DocumentNode, ScalarNode
from yamlflow_nb.language.locate import Replacement, file_fix
from yamlflow_nb.language.quoting import as_scalar

_LONGEST = 500
_MOST_SHOWN = 3
_BLANKS = re.compile(r"[ \t]*")
_Found = tuple[int, str, int, int]
"""Place in the list of findings, name, and the offsets of the anchor or alias."""


def with_values(document: Document, findings: list[Diagnostic]) -> list[Diagnostic]:
    """The findings, those about anchors and aliases with their fixes. The tree gets the values of aliases that are scalars,
    so that what follows is looked at for what it means."""
    if not any(one.code == "YF107" for one in findings):
        return findings
    if any(one.code == "YF108" for one in findings):
        return _together(document, findings)
    source = document.source
    anchors, aliases = list(_named(document, findings, "&")), list(_named(document, findings, "*"))
    nodes = {node.start: node for _, node in document.walk()} if aliases else {}
    mended = list(findings)
    for index, name, start, end in anchors:
        own = [alias for alias in aliases if alias[1] == name]
        value_start = end + len((_BLANKS.match(source.text, end) or [""])[0])
        node = nodes.get(value_start)
        if not own or sum(other[1] == name for other in anchors) > 1 or node is None:
            continue
        inside = any(node.start <= other[2] < node.end for other in (*anchors, *aliases))
        written = None if inside else _written(document, node)
        if written is None:
            continue
        mended[index] = _mended(document, findings[index], "remove the anchor", (start, value_start, ""))
        for at, _, first, last in own:
            mended[at] = _mended(document, findings[at], "write the value out", (first, last, written))
            stands = nodes.get(first)
            if isinstance(stands, ScalarNode) and isinstance(node, ScalarNode):
                stands.value, stands.text = node.value, node.text
    return _together(document, mended)


def _together(document: Document, findings: list[Diagnostic]) -> list[Diagnostic]:
    """The aliases of one anchor as one finding, at the first; its fix is that of all."""
    by_name: dict[str, list[int]] = {}
    for index, name, _, _ in _named(document, findings, "*"):
        by_name.setdefault(name, []).append(index)
    told = dict(enumerate(findings))
    for indexes in by_name.values():
        first, *others = (findings[index] for index in indexes)
        fixes = [one.fix for one in (first, *others) if one.fix is not None]
        fix = Fix(fixes[0].title, tuple(edit for one in fixes for edit in one.edits)) if fixes else None
        also = tuple(Related("also here", one.span) for one in others[:_MOST_SHOWN])
        message = f"{first.message}, here and in {len(others)} other place{'s' * (len(others) > 1)}" if others else first.message
        told[indexes[0]] = replace(first, message=message, fix=fix, related=(*first.related, *also))
        for index in indexes[1:]:
            del told[index]
    return list(told.values())


def _named(document: Document, findings: list[Diagnostic], sign: str) -> Iterable[_Found]:
    source = document.source
    for index, one in enumerate(findings):
        if one.code == "YF107":
            start, end = source.offset(one.line, one.column), source.offset(one.end_line, one.end_column)
            if source.text.startswith(sign, start):
                yield index, source.text[start + 1 : end], start, end


def _written(document: Document, node: DocumentNode) -> str | None:
    """A value as it can be written in another place: a scalar, or a list or mapping between brackets, of one line."""
    raw = document.source.text[node.start : node.end]
    if not raw or len(raw) > _LONGEST or "\n" in raw or "\r" in raw:
        return None
    if isinstance(node, ScalarNode):
        plain_text = node.style == "" and isinstance(node.value, str)
        return as_scalar(node.text) if plain_text else raw
    return raw if node.flow else None


def _mended(document: Document, finding: Diagnostic, title: str, edit: Replacement) -> Diagnostic:
    return replace(finding, fix=file_fix(document.source, title, [edit]))
