"""Characters that look like those of the language and are others: what a word processor, a chat or a keyboard left behind."""

from __future__ import annotations

import unicodedata

from yamlflow_nb.language.problem import Problem

_QUOTES = {**dict.fromkeys("\u201c\u201d\u201e\u00ab\u00bb\u2033", '"'), **dict.fromkeys("\u2018\u2019\u201a\u00b4\u2032", "'")}
_PARENTHESES = {chr(ord(sign) + 0xFEE0): sign for sign in "()[]{}"}
"""The full-width forms stand so far behind the signs of ASCII."""
_DASHES = dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-")
_SIGNS = {
    **{chr(ord(sign) + 0xFEE0): sign for sign in "&|!,.:=><+-*/%"},
    "≥": ">=", "≤": "<=", "≠": "!=", "×": "*", "÷": "/", "¬": "!", "∧": "&&", "∨": "||",
}  # fmt: skip
_INVISIBLE = dict.fromkeys("\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff", "")
_LETTERS = dict(
    zip(
        "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0501\u0458\u04bb\u0410\u0412\u0415"
        "\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0406\u03bf\u03b1\u03b9\u03bd",
        "aeopcyxidjhABEKMHOPCTXIoaiv",
    )
)
"""Cyrillic and Greek letters with the Latin ones that they look like."""
_CLASSES = (_QUOTES, _PARENTHESES, _DASHES, _SIGNS, _INVISIBLE, _LETTERS)
MEANT = {char: meant for table in _CLASSES for char, meant in table.items()}


def latin(word: str) -> str | None:
    """A word with every lookalike in it replaced; None where that leaves a letter of another script, or nothing to replace."""
    written = "".join(MEANT.get(char, char) for char in word)
    return written if written != word and written.isascii() else None


def lookalike(code: str, text: str, start: int, within: range, skipped: frozenset[int] = frozenset()) -> Problem | None:
    """The finding about the character at ``start``, if it is one of these; the fix replaces all of its kind within the range,
    those at ``skipped`` places apart."""
    char = text[start]
    kind = next((table for table in _CLASSES if char in table), None)
    if kind is None:
        return None
    name = unicodedata.name(char, "a character").lower()
    places = [at for at in within if text[at] in kind and at not in skipped]
    what = f"`{MEANT[char]}`" if MEANT[char] else "nothing"
    shown = f"{char!r} " if char.isprintable() else ""
    message = f"{shown}(U+{ord(char):04X}, {name}) stands where {what} is meant"
    title = f"write {what}" if MEANT[char] else "remove it"
    return Problem(code, message, start, start + 1, None, (title, [(at, at + 1, MEANT[text[at]]) for at in places]))
