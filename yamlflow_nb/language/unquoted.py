"""Expressions that lack their quotes: YAML reads ``{{ a }}`` as a mapping, ``!a`` as a tag, `` #`` as a comment.

``repair_at`` finds such a value by its place, says so with the fix that quotes it, and blanks it in the text that the
parser sees, so that reading goes on as if it had been quoted.

When is a comment a cut? A plain scalar that holds an expression (it stands under a key for expressions, or contains
``event:`` or ``{{``) and is followed by `` #`` is refused when the comment goes on like an expression (it holds ``&&``,
``||``, ``event:``, ``{{`` or ``}}``), when a digit follows the ``#`` at once (``#1 && b``), or when what stands before it
is incomplete. ``event:a.completed  # wait for a`` is a comment.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.domain.document import Document, ScalarNode
from yamlflow_nb.domain.source import SourceText
from yamlflow_nb.language.expression_parser import parse_template, parse_trigger
from yamlflow_nb.language.foreign_lines import foreign_line
from yamlflow_nb.language.locate import diagnostic_at
from yamlflow_nb.language.problem import ExpressionSyntaxError
from yamlflow_nb.language.quoting import quoted_source, shown

EXPRESSION_KEYS = frozenset({"startWhen", "skipWhen", "stopWhen", "failWhen", "retryWhen", "until", "forEach", "when"})
_COMMENT = re.compile(r"[ \t]#([^\r\n]*)")
_GOES_ON = re.compile(r"&&|\|\||event:|\{\{|\}\}")
_INCOMPLETE_END = re.compile(r"(?:&&|\|\||!|,|\(|\[|[-+*/%<>=]|\b(?:and|or|not|in))\s*\Z")
_LINE = re.compile(r"[^\r\n]*")
_KEY = r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[A-Za-z_$][\w.$-]*)[ \t]*:[ \t]+"""
_BLOCK_VALUE = re.compile(rf"[ \t]*(?:-[ \t]+)*(?:{_KEY})?(?P<value>[^\s].*)")
_EXPRESSION_TAG = re.compile(r"!+[ \t]*(?:event:|\{\{|\(|all\(|any\(|none\(|count\(|true\b|false\b|not\b)")
_RESERVED = re.compile(r"[@`%]|[&*](?![A-Za-z0-9_-])|\*[A-Za-z0-9_-]*[.*/]")
_KEY_WITHOUT_SPACE = re.compile(r"[A-Za-z_]\w*:\S")
_SHORTEST = 2
_LONGEST_LINE = 20_000


class Repair(NamedTuple):
    """A value to be read as if it were quoted: its place in the file, its text, and the finding."""

    start: int
    end: int
    text: str
    diagnostic: Diagnostic
    is_line: bool = False
    """A line to be left out instead."""

    def within(self, repairs: Iterable[Repair]) -> bool:
        """Whether it is part of a longer one, found later."""
        return any(one.start < self.start and self.end <= one.end for one in repairs)

    def blanked(self, text: str) -> str:
        """A text of the same length with a quoted blank in the value's place, or a comment in the line's."""
        if self.is_line:
            return text[: self.start] + "#" * (self.end - self.start) + text[self.end :]
        return text[: self.start] + '"' + "x" * (self.end - self.start - 2) + '"' + text[self.end :]


def repair_at(source: SourceText, offset: int, begun: int | None, known: Mapping[int, Repair]) -> Repair | None:
    """The unquoted value, not among those known, that made the parser stumble at ``offset`` in something begun at ``begun``;
    None when it was something else."""
    fenced = 0 if source.text.startswith("~~~") else None
    for place in (offset, begun, offset - 1, fenced):
        if place is None or place < 0:
            continue
        line = foreign_line(source, place) if place != begun or place in (offset, fenced) else None
        if line is not None and line[0] not in known:
            return Repair(line[0], line[1], source.text[line[0] : line[1]], line[2], True)
        found = next((repair for repair in _in_line(source, place) if repair.start not in known), None)
        if found is not None and found.end - found.start >= _SHORTEST:
            return found
    return None


def _in_line(source: SourceText, place: int) -> Iterator[Repair]:
    """The unquoted values of the line around a place, by what they look like."""
    text = source.text
    line_start = max(text.rfind("\n", 0, place), text.rfind("\r", 0, place)) + 1
    found = _LINE.match(text, line_start)
    line = found[0] if found else ""
    if line.startswith("\ufeff"):
        line, line_start = line[1:], line_start + 1
    if len(line) > _LONGEST_LINE:
        return
    block = _BLOCK_VALUE.fullmatch(line)
    if block is not None:
        value, start = block["value"], line_start + block.start("value")
        keyed = ":" in line[: block.start("value")]
        code = _block_code(value) if keyed or not _KEY_WITHOUT_SPACE.match(value) else None
        if code is not None:
            end = start + len(_without_comment(value))
            yield _repair(source, code, start, _continued(text, line_start, end) if code != "YF119" else end)
            return
    for first, code in _unquoted_values(line):
        last = _flow_end(line, first)
        if code != "YF113" or "}}" in line[first:last]:
            yield _repair(source, code, line_start + first, line_start + last)


_CONTINUATION = re.compile(r"(?:\r\n|\n)([ ]+)([^\r\n]+)")


def _continued(text: str, line_start: int, end: int) -> int:
    """The end of a value that goes on in deeper lines; a comment, a key or a list item ends it."""
    own = len(text) - len(text[line_start:].lstrip(" -")) - line_start
    while (found := _CONTINUATION.match(text, end)) is not None:
        line = found[2].rstrip()
        if len(found[1]) <= own or line.startswith(("#", "- ")) or re.match(rf"(?:{_KEY})|[A-Za-z_]\w*:\Z", line + " "):
            break
        kept = _without_comment(line)
        end = found.start(2) + len(kept)
        if kept != line:
            break
    return end


def _block_code(value: str) -> str | None:
    """Which mistake a value of a block line is."""
    if value.startswith("{{") and "}}" in value:
        return "YF113"
    if _EXPRESSION_TAG.match(value):
        return "YF114"
    if _RESERVED.match(value):
        return "YF119"
    if value[0] not in "\"'|>[{&*!#?:-" and re.search(r":[ \t]|:\Z", value) and not value.endswith(":"):
        return "YF119"
    return None


_MESSAGES = {
    "YF113": ("{{{{ }}}} is a mapping for YAML unless it is quoted: {}", "quote it"),
    "YF114": ("`!` begins a tag for YAML unless the expression is quoted: {}", "quote the expression"),
    "YF119": ("this text needs quotes, for YAML gives a meaning to {}", "quote it"),
}


def _repair(source: SourceText, code: str, start: int, end: int) -> Repair:
    raw = source.text[start:end]
    message, hint = _MESSAGES[code]
    what = shown(raw) if code != "YF119" else f"{_meaning(raw)}: {shown(raw)}"
    short = len(raw) < 80 and "\n" not in raw
    diagnostic = diagnostic_at(
        source, code, start, end, message.format(what), hint=f"{hint}: {quoted_source(raw)}" if short else hint,
        fix=(hint, [(start, end, quoted_source(raw))]),
    )  # fmt: skip
    return Repair(start, end, raw, diagnostic)


def _meaning(raw: str) -> str:
    return f"`{raw[0]}` at its beginning" if raw[0] in "@`%&*" else "`: ` inside it"


def _without_comment(value: str) -> str:
    """A value of a line without the comment behind it, unless that goes on like the expression."""
    braces = value.rfind("}}")
    for found in _COMMENT.finditer(value):
        if found.start() > braces and not _GOES_ON.search(found[1]):
            return value[: found.start()].rstrip()
    return value.rstrip()


def _unquoted_values(line: str) -> Iterator[tuple[int, str]]:
    """Where ``{{`` or the ``!`` of an expression stands at the beginning of a value, outside quotes, and which mistake it is."""
    quote = ""
    before = ""
    position = 0
    while position < len(line):
        char = line[position]
        if quote:
            if char == "\\" and quote == '"':
                position += 1
            elif char == quote:
                quote = ""
        elif char in "\"'" and before in ("", ":", "-", ",", "[", "{"):
            quote = char
        elif before in (":", "-", ",", "[") and (code := _flow_code(line, position)) is not None:
            yield position, code
            position = _flow_end(line, position) - 1
            char = "}"
        if char not in " \t":
            before = char
        position += 1


def _flow_code(line: str, position: int) -> str | None:
    """Which mistake a value between brackets is."""
    if line.startswith("{{", position):
        return "YF113"
    if _EXPRESSION_TAG.match(line, position):
        return "YF114"
    return "YF119" if _RESERVED.match(line, position) else None


def _flow_end(line: str, first: int) -> int:
    """The end of an expression between brackets: the next ``,`` or bracket that is not its own."""
    position, depth = first, 0
    while position < len(line) and (depth or line[position] not in ",]}"):
        depth += {"(": 1, ")": -1}.get(line[position], 0)
        position = _braces_end(line, position) if line.startswith("{{", position) else position + 1
    return first + len(line[first:position].rstrip())


def _braces_end(line: str, first: int) -> int:
    """Behind the first ``}}`` that closes the ``{{`` at ``first``, outside string literals and brackets."""
    depth = 0
    quote = ""
    position = first + 2
    while position < len(line):
        char = line[position]
        if quote:
            if char == "\\":
                position += 1
            elif char == quote:
                quote = ""
        elif char in "\"'":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]" or (char == "}" and depth):
            depth -= 1
        elif line.startswith("}}", position):
            return position + 2
        position += 1
    return len(line)


def cut_expressions(document: Document) -> list[Diagnostic]:
    """Unquoted expressions that a comment cuts short."""
    text = document.source.text
    comments = list(_COMMENT.finditer(text))
    if not comments:
        return []
    ends = {}
    for found in comments:
        # A scalar before a comment ends where the blanks before the `#` begin.
        last = found.start()
        while last and text[last - 1] in " \t":
            last -= 1
        ends[last] = found
    findings = []
    for path, node in document.walk():
        if type(node) is not ScalarNode or node.style or node.end not in ends or node.start == node.end:
            continue
        key = path[-1] if path else None
        if (key in EXPRESSION_KEYS or "event:" in node.text or "{{" in node.text) and _cuts(node.text, ends[node.end][1]):
            findings.append(_cut(document.source, node, ends[node.end].end()))
    return findings


def _cuts(expression: str, comment: str) -> bool:
    if _GOES_ON.search(comment) or comment[:1].isdigit():
        return True
    return bool(_INCOMPLETE_END.search(expression)) or _open_brackets(expression)


def _open_brackets(expression: str) -> bool:
    bare = re.sub(r""""[^"]*"|'[^']*'""", "", expression)
    return any(bare.count(opening) > bare.count(closing) for opening, closing in ("()", "[]", "{}"))


def _cut(source: SourceText, node: ScalarNode, line_end: int) -> Diagnostic:
    whole = source.text[node.start : line_end].rstrip()
    comment_start = node.end + len(source.text[node.end : line_end]) - len(source.text[node.end : line_end].lstrip())
    meant = _meant(whole)
    fix = ("quote the expression", [(node.start, node.start + len(whole), quoted_source(meant))]) if meant is not None else None
    hint = "quote the expression; a comment belongs behind the closing quote, or in a line of its own"
    return diagnostic_at(
        source, "YF115", comment_start, node.start + len(whole),
        f"` #` begins a comment, so the expression ends at {shown(node.text[-30:])}",
        hint=hint if meant is not None else "write the rest of the expression before the comment", fix=fix,
    )  # fmt: skip


def _meant(whole: str) -> str | None:
    """The whole line as the expression that it can be: with the ``#`` where that has a meaning (in a text), else without
    the word that it begins, for outside of texts no expression holds one. None where the comment is words."""
    without = re.sub(r"[ \t]#\w*", "", whole, count=1)
    if _is_expression(whole):
        return whole
    return without if _is_expression(without) else None if not _GOES_ON.search(whole.partition("#")[2]) else whole


def _is_expression(text: str) -> bool:
    try:
        return bool(parse_template(text) if text.startswith("{{") else parse_trigger(text))
    except ExpressionSyntaxError:
        return False
