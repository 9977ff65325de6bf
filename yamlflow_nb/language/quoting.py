"""How a text is written as a YAML scalar so that it reads as itself."""

from __future__ import annotations

import re

from yamlflow_nb.language.core_schema import UnfitNumber, typed

_NEVER_FIRST = frozenset("-?:,[]{}#&*!|>'\"%@`")
_NEVER_INSIDE = re.compile(r": |:$| #|[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]|[\[\]{},]|:[\[\]{},]")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0", "\x1b": "\\e"}
_NEEDS_ESCAPE = re.compile(r"[\\\"\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_LONGEST_SHOWN = 60


def quoted(text: str) -> str:
    """A text as a quoted scalar: double quotes, single ones where that spares escapes."""
    if ('"' in text or "\\" in text) and not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]", text):
        return "'" + text.replace("'", "''") + "'"
    return '"' + escape(text) + '"'


def quoted_source(raw: str) -> str:
    """A stretch of the file, line breaks and all, with quotes around it: folds stay folds."""
    if '"' in raw or "\\" in raw:
        return "'" + raw.replace("'", "''") + "'"
    return f'"{raw}"'


def escape(text: str) -> str:
    """A text as it stands between double quotes."""
    return _NEEDS_ESCAPE.sub(lambda found: _ESCAPES.get(found[0]) or f"\\u{ord(found[0]):04x}", text)


def escaped_for(style: str, text: str) -> str | None:
    """A text as it is written inside a scalar of a style; None where the style cannot hold it."""
    if style == '"':
        return escape(text)
    if "\n" in text:
        return None
    return text.replace("'", "''") if style == "'" else text


def plain_stays_itself(text: str) -> bool:
    """Whether a text may stand unquoted anywhere, also between brackets, and reads as that very text."""
    if not text or text != text.strip() or text[0] in _NEVER_FIRST or _NEVER_INSIDE.search(text):
        return False
    try:
        return bool(typed(text) == text)
    except UnfitNumber:
        return False


def as_scalar(text: str) -> str:
    """A text as a scalar, quoted only where needed."""
    return text if plain_stays_itself(text) else quoted(text)


def shown(text: object) -> str:
    """A piece of the user's text for a message: one line, harmless in a terminal, cut when long, in backticks."""
    written = _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}" if found[0] != "\n" else "\\n", str(text))
    return f"`{written[:_LONGEST_SHOWN]}…`" if len(written) > _LONGEST_SHOWN else f"`{written}`"
