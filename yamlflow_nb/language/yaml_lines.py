"""The line around an offset, and whether an edit settles what YAML's parser complains of."""

from __future__ import annotations

import re

import yaml

from yamlflow_nb.domain.source import SourceText
from yamlflow_nb.language.locate import Replacement

TRIED_UP_TO = 200_000
_LEADING = re.compile(r"[ \t]*")


class Line:
    """The line in which an offset lies."""

    def __init__(self, source: SourceText, offset: int) -> None:
        text = source.text
        self.number, self.column = source.position(offset)
        self.start = offset - self.column + 1
        self.text = source.line_text(self.number)
        self.leading = (_LEADING.match(self.text) or [""])[0]
        self.begin = self.start + len(self.leading)
        self.end = min(self.start + len(self.text), len(text))


def settles(source: SourceText, edits: list[Replacement]) -> bool:
    """Whether YAML's parser reads the text to its end once the edits are made."""
    text = source.text
    if len(text) > TRIED_UP_TO:
        return False
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    try:
        for _ in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
            pass
    except (yaml.YAMLError, ValueError, OverflowError):
        return False
    return True


def if_settled(source: SourceText, title: str, edits: list[Replacement]) -> tuple[str, list[Replacement]] | None:
    return (title, edits) if settles(source, edits) else None
