"""Slips that YAML's parser notices only later, as something else: each told as what it is, where it is.

One function a slip: what it is, or None. They are asked in the order of ``_CAUSES``, before the parser's own words.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.domain.source import SourceText
from yamlflow_nb.language.locate import Replacement, diagnostic_at
from yamlflow_nb.language.quoting import shown
from yamlflow_nb.language.yaml_lines import Line, if_settled, settles

_DASH = re.compile(r"^( *)-(?=[A-Za-z_]\w*:(?:\s|$))")
_QUOTED = re.compile(
    r"""^\s*(?:-[ ]+)*(?:[A-Za-z_]\w*:[ \t]+)?(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^']|'')*')[ \t]*(?P<behind>[^\s#,:\]}].*)$"""
)
_BLOCK = re.compile(r"^( *)(?:- +)*[A-Za-z_]\w*:[ ]+[|>][-+0-9]*[ \t]*(?:#.*)?$")
_FIELD = re.compile(r"^ *[A-Za-z_]\w*:(?:\s|$)")
_CLOSERS = re.compile(r"[}\]]+")
_MOST_LINES = 200
_LONGEST_LINE = 2_000


def misread(source: SourceText, line: Line, offset: int, begun: int | None) -> Diagnostic | None:
    """The slip behind a complaint at ``offset``, in something begun at ``begun``; None where it is none of these."""
    for cause in _CAUSES:
        found = cause(source, line, offset, begun)
        if found is not None:
            return found
    return None


def _cut_before(source: SourceText, line: Line, offset: int, begun: int | None) -> Diagnostic | None:
    """An unquoted expression that was to go on in this line, and was ended by a comment in the line before."""
    before = source.line_text(line.number - 1) if line.number > 1 else ""
    comment = re.search(r"[ \t]+#.*", before)
    if comment is None or not re.search(r"event:|\{\{", before[: comment.start()]):
        return None
    first = source.offset(line.number - 1, 1)
    start, end = first + comment.start(), first + comment.end()
    return diagnostic_at(
        source, "YF115", first + before.index("#", comment.start()), end,
        "` #` begins a comment, so the expression ends here and cannot go on in the next line",
        hint="put the comment in a line of its own above, or quote the expression without it",
        fix=if_settled(source, "remove the comment", [(start, end, "")]),
    )  # fmt: skip


def _dash_without_space(source: SourceText, line: Line, offset: int, begun: int | None) -> Diagnostic | None:
    """``-id: a``: a key that begins with a dash, for YAML."""
    for number in (line.number, line.number - 1):
        found = _DASH.match(source.line_text(number)) if number > 0 else None
        if found is None:
            continue
        place = source.offset(number, 1) + found.end()
        edits: list[Replacement] = [(place, place, " ")]
        if not settles(source, edits):
            deeper = (
                (first, first, " ") for first, text in _below(source, number) if len(text) - len(text.lstrip(" ")) > len(found[1])
            )
            edits += list(deeper)
        return diagnostic_at(
            source, "YF117", place - 1, place, "a space is missing behind this dash", hint="a list item is written `- id: extract`",
            fix=if_settled(source, "put a space behind the dash", edits),
        )  # fmt: skip
    return None


def _below(source: SourceText, number: int) -> Iterator[tuple[int, str]]:
    """The lines below one, each with its offset, up to the next list item or blank line."""
    for following in range(number + 1, number + _MOST_LINES):
        text = source.line_text(following)
        if not text.strip() or text.lstrip(" ").startswith("-"):
            return
        yield source.offset(following, 1), text


def _behind_quotes(source: SourceText, line: Line, offset: int, begun: int | None) -> Diagnostic | None:
    """``title: "a" b`` and ``title: 'it's'``"""
    found = _QUOTED.match(line.text) if len(line.text) < _LONGEST_LINE else None
    if found is None or offset - line.start < found.start("behind") - 1:
        return None
    quote, written = found["text"][0], line.text[found.start("text") :].rstrip()
    inner = written[1:-1]
    if written.endswith(quote):
        meant = quote + (inner.replace("'", "''") if quote == "'" else re.sub(r'(?<!\\)"', r"\"", inner)) + quote
        message, title = f"the text ends at this {quote}, and {shown(found['behind'])} follows", "write the quotes inside it double"
        title = title if quote == "'" else "put a backslash before the quotes inside it"
    else:
        meant = "'" + written.replace("'", "''") + "'"
        message, title = f"behind the closing quotes stands {shown(found['behind'])}", "put quotes around the whole"
    start = line.start + found.start("text")
    fix = if_settled(source, title, [(start, start + len(written), meant)]) if not _FIELD.match(found["behind"]) else None
    return diagnostic_at(
        source, "YF117", line.start + found.end("text") - 1, line.start + len(line.text.rstrip()), message,
        hint="a value that begins with quotes ends with them", fix=fix,
    )  # fmt: skip


def _closes_nothing(source: SourceText, line: Line, offset: int, begun: int | None) -> Diagnostic | None:
    """``{id: a}}``"""
    found = _CLOSERS.match(source.text, offset)
    if found is None:
        return None
    fix = if_settled(source, f"remove the `{found[0]}`", [(offset, found.end(), "")])
    if fix is None:
        return None
    message = f"this `{found[0]}` closes nothing"
    return diagnostic_at(source, "YF117", offset, found.end(), message, hint="take it out", fix=fix)


def _left_of_fields(source: SourceText, line: Line, offset: int, begun: int | None) -> Diagnostic | None:
    """A field in the column of its item's dash, or left of the fields above it."""
    before = next((text for text in _above(source, line.number) if text.strip()), "")
    column = len(before) - len(before.lstrip(" -"))
    indented = len(line.leading)
    in_list = begun is not None and source.text[begun : begun + 1] == "-"
    if not _FIELD.match(line.text) or not 0 < indented < column or not (in_list or column - indented < indented):
        return None
    edits: list[Replacement] = []
    for start, text in [(line.start, line.text), *_below(source, line.number)]:
        if len(text) - len(text.lstrip(" ")) < indented:
            break
        edits.append((start, start, " " * (column - indented)))
    fix = if_settled(source, "indent it as the fields above", edits)
    if fix is None and not in_list:
        return None
    return diagnostic_at(
        source, "YF117", line.begin, line.end, "this field stands left of the fields above it",
        hint="the fields of an item stand below its first one, two columns right of the dash", fix=fix,
    )  # fmt: skip


def _above(source: SourceText, number: int) -> Iterator[str]:
    return (source.line_text(one) for one in range(number - 1, max(0, number - _MOST_LINES), -1))


def _block_not_indented(source: SourceText, line: Line, offset: int, begun: int | None) -> Diagnostic | None:
    """``code: |`` with lines that are not indented further than the key."""
    at = source.position(begun)[0] if begun is not None and begun < line.start else line.number
    key_line = next((one for one in range(at - 1, max(0, at - _MOST_LINES), -1) if source.line_text(one).strip()), 0)
    before = source.line_text(key_line) if key_line else ""
    found = _BLOCK.match(before)
    if found is None:
        return None
    key_column = len(before) - len(before.lstrip(" -"))
    first = source.line_text(key_line + 1)
    if len(first) - len(first.lstrip(" ")) > key_column:
        return None
    deeper = "  " + " " * max(0, key_column - (len(first) - len(first.lstrip(" "))))
    edits: list[Replacement] = [(start, start, deeper) for start, _ in _text_below(source, key_line)]
    if not edits:
        return None
    start = source.offset(key_line + 1, 1) + len(first) - len(first.lstrip(" "))
    return diagnostic_at(
        source, "YF117", start, start + len(first.strip()), "the lines of a text are indented further than its key",
        hint="indent them by two spaces", fix=if_settled(source, "indent the lines of the text", edits),
    )  # fmt: skip


def _text_below(source: SourceText, number: int) -> Iterator[tuple[int, str]]:
    """The lines below a key that are its text: up to the next field or list item, or to one that stands further left."""
    first = source.line_text(number + 1)
    least = len(first) - len(first.lstrip(" "))
    for following in range(number + 1, number + _MOST_LINES):
        text = source.line_text(following)
        if text.strip() and (_FIELD.match(text) or text.lstrip().startswith("- ") or len(text) - len(text.lstrip(" ")) < least):
            return
        if text.strip():
            yield source.offset(following, 1), text


_Cause = Callable[[SourceText, Line, int, "int | None"], "Diagnostic | None"]
_CAUSES: tuple[_Cause, ...] = (
    _cut_before, _dash_without_space, _behind_quotes, _closes_nothing, _block_not_indented, _left_of_fields,
)  # fmt: skip
