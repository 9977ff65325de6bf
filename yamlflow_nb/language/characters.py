"""Bytes → characters that a document may hold: UTF-8, nothing unprintable, and only the line breaks of YAML 1.2."""

from __future__ import annotations

import re

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.domain.source import SourceText
from yamlflow_nb.language.locate import diagnostic_at

_ALLOWED_ASCII = bytes([0x09, 0x0A, 0x0D, *range(0x20, 0x7F)])
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FOREIGN_BREAKS = "\x85\u2028\u2029"
"""Line breaks of YAML 1.1 that are ordinary characters in 1.2 (and for every editor)."""
_WIDE = (
    (b"\xff\xfe\x00\x00", "UTF-32"), (b"\x00\x00\xfe\xff", "UTF-32"), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"),
)  # fmt: skip


def decoded(text: str | bytes, name: str) -> tuple[SourceText, list[Diagnostic]]:
    """The text of a document, and why its bytes are no UTF-8."""
    if isinstance(text, str):
        return SourceText(text, name), []
    for mark, encoding in _WIDE:
        if text.startswith(mark):
            return _not_utf8(SourceText("", name), 0, f"the file is {encoding}, not UTF-8")
    try:
        return SourceText(text.decode("utf-8"), name), []
    except UnicodeDecodeError as error:
        before = text[: error.start].decode("utf-8")
        source = SourceText(before + text[error.start :].decode("utf-8", "replace"), name)
        return _not_utf8(source, len(before), f"the byte 0x{text[error.start]:02x} is not UTF-8")


def _not_utf8(source: SourceText, offset: int, message: str) -> tuple[SourceText, list[Diagnostic]]:
    hint = "save the file as UTF-8 (it may be Latin-1 or UTF-16 now)"
    return source, [diagnostic_at(source, "YF101", offset, offset + 1, message, hint=hint)]


def forbidden_character(source: SourceText) -> Diagnostic | None:
    """The first character that no document may hold: control characters, half surrogate pairs."""
    text = source.text
    if text.isascii() and not text.encode("ascii").translate(None, _ALLOWED_ASCII):
        return None
    found = _FORBIDDEN.search(text)
    if found is None:
        return None
    code, offset = ord(found[0]), found.start()
    if code == 0:
        message, hint = "a NUL character stands here", "is this a text file? If it is UTF-16, save it as UTF-8"
    elif 0xD800 <= code <= 0xDFFF:
        message, hint = f"half of a surrogate pair (U+{code:04X}) is no character", "write the whole character"
    else:
        message = f"the control character U+{code:04X} may not stand in a document"
        hint = f'remove it; in double quotes it can be written "\\x{code:02x}"' if code < 256 else "remove it"
    fix = ("remove the character", [(offset, offset + 1, "")])
    return diagnostic_at(source, "YF101", offset, offset + 1, message, hint=hint, fix=fix)


def foreign_breaks(text: str) -> tuple[str, dict[int, str]]:
    """The text as the YAML 1.1 parser must see it, with stand-ins for characters that it would take for line breaks,
    and the table that translates them back."""
    if text.isascii() or not any(char in text for char in _FOREIGN_BREAKS):
        return text, {}
    free = (chr(code) for code in range(0xE000, 0xF8FF) if chr(code) not in text)
    stand_ins: dict[str, str | int | None] = dict(zip(_FOREIGN_BREAKS, free))
    return text.translate(str.maketrans(stand_ins)), {ord(str(stand_in)): char for char, stand_in in stand_ins.items()}
