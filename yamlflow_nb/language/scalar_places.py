"""Offsets in a scalar's text → places of the file, through quotes, escapes, folded lines and indentation.

The scalar is read once more, character by character, only when a finding needs it. When that reading does not give the
text which the parser gave, the whole scalar is the place: a wide place, never a wrong one.
"""

from __future__ import annotations

import re

from yamlflow_nb.domain.document import Document, Path, ScalarNode

_Piece = tuple[str, int, int]
"""One character of the text, and the stretch of the file that wrote it."""

_SIMPLE_ESCAPES = {
    "0": "\0", "a": "\a", "b": "\b", "t": "\t", "\t": "\t", "n": "\n", "v": "\v", "f": "\f", "r": "\r", "e": "\x1b",
    " ": " ", '"': '"', "/": "/", "\\": "\\", "N": "\x85", "_": "\xa0", "L": "\u2028", "P": "\u2029",
}  # fmt: skip
_HEX_ESCAPES = {"x": 2, "u": 4, "U": 8}
_LINE = re.compile(r"([^\r\n]*)(\r\n|\n|\r|\Z)")


def offsets_within(document: Document, path: Path, start: int, end: int) -> tuple[int, int]:
    """The place of ``text[start:end]`` of the scalar at ``path``, as offsets in the file; the whole value where there is no
    scalar."""
    node = document.find(path)
    if node is None:
        return 0, 0
    return exact_offsets(document, path, start, end) or (node.start, node.end)


def exact_offsets(document: Document, path: Path, start: int, end: int) -> tuple[int, int] | None:
    """The very characters, or None where there is no scalar, or it could not be read again: a wide place will do for a
    finding, but an edit of it would take away too much."""
    node = document.find(path)
    if not isinstance(node, ScalarNode):
        return None
    raw = document.source.text[node.start : node.end]
    if raw == node.text:
        return node.start + start, node.start + max(start, end)
    pieces = _pieces(raw, node)
    if pieces is None:
        return None
    base = node.start
    if start >= len(pieces):
        # Behind the last character: before the closing quote.
        last = pieces[-1][2] if pieces else (1 if node.style in ("'", '"') else 0)
        return base + last, base + last
    return base + pieces[start][1], base + (pieces[min(end, len(pieces)) - 1][2] if end > start else pieces[start][1])


def _pieces(raw: str, node: ScalarNode) -> list[_Piece] | None:
    if node.style in ("|", ">"):
        return _block_pieces(raw, node.style, node.text)
    if node.style == "":
        pieces = _flow_pieces(raw, 0, len(raw), "")
    else:
        pieces = _flow_pieces(raw, 1, max(1, len(raw) - 1), node.style)
    return pieces if "".join(piece[0] for piece in pieces) == node.text else None


def _flow_pieces(raw: str, position: int, stop: int, style: str) -> list[_Piece]:
    """Plain and quoted scalars: line breaks fold, white space around them goes."""
    pieces: list[_Piece] = []
    kept = 0
    """Pieces before this one were written by escapes and are no white space to be dropped."""
    while position < stop:
        char = raw[position]
        if char in "\r\n":
            while len(pieces) > kept and pieces[-1][0] in " \t":
                pieces.pop()
            fold_start = position
            breaks = 0
            while position < stop and raw[position] in " \t\r\n":
                if raw[position] in "\r\n":
                    breaks += 1
                    position += 2 if raw.startswith("\r\n", position) else 1
                else:
                    position += 1
            folded = " " if breaks == 1 else "\n" * (breaks - 1)
            pieces += [(letter, fold_start, position) for letter in folded]
            kept = len(pieces)
        elif style == "'" and char == "'":
            pieces.append(("'", position, position + 2))
            position += 2
        elif style == '"' and char == "\\":
            letter, length = _escape(raw, position)
            if letter:
                pieces.append((letter, position, position + length))
                kept = len(pieces)
            elif length > 1:
                kept = len(pieces)
            position += length
        else:
            pieces.append((char, position, position + 1))
            position += 1
    return pieces


def _escape(raw: str, position: int) -> tuple[str, int]:
    """The character that an escape writes and the escape's length; an escaped line break writes none."""
    letter = raw[position + 1 : position + 2]
    if letter in _HEX_ESCAPES:
        digits = raw[position + 2 : position + 2 + _HEX_ESCAPES[letter]]
        try:
            return chr(int(digits, 16)), 2 + _HEX_ESCAPES[letter]
        except (ValueError, OverflowError):
            return "", 2
    if letter in ("\r", "\n"):
        length = 3 if raw.startswith("\r\n", position + 1) else 2
        rest = raw[position + length :]
        return "", length + len(rest) - len(rest.lstrip(" \t"))
    return _SIMPLE_ESCAPES.get(letter, ""), 2


def _block_pieces(raw: str, style: str, text: str) -> list[_Piece] | None:
    """Literal and folded scalars: try the indentations that the first lines allow, keep the one that gives the text."""
    header = _LINE.match(raw)
    if header is None:
        return None
    lines = [(found.start(1), found[1], found.end(1), found.end()) for found in _LINE.finditer(raw, header.end()) if found[0]]
    first = next((line for _, line, _, _ in lines if line.strip(" ")), "")
    deepest = len(first) - len(first.lstrip(" "))
    for indentation in range(deepest, -1, -1):
        pieces = _literal(lines, indentation) if style == "|" else _folded(lines, indentation)
        read = "".join(piece[0] for piece in pieces)
        # Chomping takes or leaves breaks at the end, of which the raw text may have lost some, and the blanks before them.
        if read.rstrip() == text.rstrip():
            return pieces
    return None


_Line = tuple[int, str, int, int]


def _literal(lines: list[_Line], indentation: int) -> list[_Piece]:
    pieces: list[_Piece] = []
    for start, line, end, after in lines:
        pieces += [(char, start + indentation + i, start + indentation + i + 1) for i, char in enumerate(line[indentation:])]
        pieces.append(("\n", end, after))
    return pieces


def _folded(lines: list[_Line], indentation: int) -> list[_Piece]:
    """One break between two lines of text is a space, unless one of them is indented further."""
    pieces: list[_Piece] = []
    pending: list[tuple[int, int]] = []
    before_indented = True
    for start, line, end, after in lines:
        content = line[indentation:]
        if content:
            indented = content[0] in " \t"
            if pending and not before_indented and not indented:
                places = pending[1:] or pending
                pieces += [("\n" if len(pending) > 1 else " ", first, last) for first, last in places]
            else:
                pieces += [("\n", first, last) for first, last in pending]
            pieces += [(char, start + indentation + i, start + indentation + i + 1) for i, char in enumerate(content)]
            pending, before_indented = [], indented
        pending.append((end, after))
    pieces += [("\n", first, last) for first, last in pending]
    return pieces
