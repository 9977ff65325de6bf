"""What YAML's parser complains of, in plain words: what is wrong, where it began, what to do."""

from __future__ import annotations

import re
from bisect import bisect_left

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.domain.document import Document, ScalarNode
from yamlflow_nb.domain.source import SourceText
from yamlflow_nb.language.locate import Replacement, diagnostic_at
from yamlflow_nb.language.quoting import shown
from yamlflow_nb.language.yaml_causes import misread
from yamlflow_nb.language.yaml_lines import TRIED_UP_TO, Line, if_settled, settles
from yamlflow_nb.language.yaml_refusals import too_deep

_MISSING_SPACE = re.compile(r"^([ ]*(?:- +)*[A-Za-z_]\w*):(?=[^\s:?,&*!#%@`\\])")
_TAB_LINE = re.compile(r"^([ ]*\t[ \t]*)(?=\S|$)", re.MULTILINE)
_TAB_WIDTHS = (2, 4, 8, 1)
_MOST_TABS = 50


def syntax_diagnostic(source: SourceText, error: Exception, offset: int, begun: int | None) -> Diagnostic:
    """The parser's error at ``offset``, in something that began at ``begun``."""
    problem = str(getattr(error, "problem", None) or error)
    context = str(getattr(error, "context", None) or "")
    line = Line(source, min(offset, len(source.text)))
    if "\t" in line.leading or (source.text[offset : offset + 1] == "\t" and "cannot start any token" in problem):
        return _tab(source, line, offset)
    if problem == "exceeded maximum nesting depth":  # of libyaml, which reads ahead of what it gives
        return too_deep(source, begun if begun is not None else offset)
    if begun is not None and "quoted scalar" in context and ("end of stream" in problem or "document indicator" in problem):
        return _unclosed_quote(source, begun)
    cause = misread(source, line, offset, begun)
    if cause is not None:
        return cause
    if begun is not None and "flow" in context:
        return _unclosed_bracket(source, begun, offset)
    if "could not find expected ':'" in problem:
        return _no_colon(source, begun if begun is not None else offset)
    if "mapping values are not allowed" in problem:
        return _unexpected_colon(source, line, offset)
    if "block collection" in context or "block mapping" in context or "expected <block end>" in problem:
        return _indentation(source, line, offset, begun)
    if "found unknown escape character" in problem or "escape" in problem:
        return _escape(source, offset, begun)
    end = min(offset + 1, len(source.text))
    message = _WORDS.get(problem, f"YAML does not understand this: {problem}")
    return diagnostic_at(source, "YF117", offset, end, message, hint=_HINTS.get(problem, "quote the value if it is a text"))


_WORDS = {
    "found character that cannot start any token": "no value can begin with this character",
    "block sequence entries are not allowed in this context": "a list item `- ` cannot stand here",
    "block sequence entries are not allowed here": "a list item `- ` cannot stand here",
    "sequence entries are not allowed here": "a list item `- ` cannot stand here",
    "did not find expected alphabetic or numeric character": "a name is missing behind this `&` or `*`",
    "did not find expected <document start>": "the document is over here, and something follows",
    "found incompatible YAML document": "only YAML 1.1 and 1.2 can be read",
}
_HINTS = {
    "block sequence entries are not allowed in this context": "begin the list in a line of its own, below its key",
    "block sequence entries are not allowed here": "begin the list in a line of its own, below its key",
    "sequence entries are not allowed here": "begin the list in a line of its own, below its key",
    "did not find expected <document start>": "a file holds one pipeline: remove this, or indent it like the first line",
    "found incompatible YAML document": "remove the `%YAML` line",
}


def _tab(source: SourceText, line: Line, offset: int) -> Diagnostic:
    fix = None
    if len(source.text) <= TRIED_UP_TO:
        for width in _TAB_WIDTHS:
            edits = [
                (found.start(1), found.end(1), found[1].replace("\t", " " * width) if _is_inhabited(source, found) else "")
                for found in _TAB_LINE.finditer(source.text, line.start)
            ]
            if edits and settles(source, edits):
                fix = ("indent with spaces", edits)
                break
    start = line.start + line.text.find("\t") if "\t" in line.leading else offset
    return _tab_at(source, start, fix)


def _tab_at(source: SourceText, start: int, fix: tuple[str, list[Replacement]] | None) -> Diagnostic:
    return diagnostic_at(
        source, "YF112", start, start + 1, "a tab stands in the indentation; YAML indents with spaces",
        hint="use two spaces a level (most editors: “convert indentation to spaces”)", fix=fix,
    )  # fmt: skip


def _is_inhabited(source: SourceText, found: re.Match[str]) -> bool:
    return found.end() < len(source.text) and source.text[found.end()] not in "\r\n"


def tabs_between_brackets(document: Document) -> list[Diagnostic]:
    """Tabs that indent a line between brackets: YAML's parser lets them pass, for there indentation has no meaning."""
    source = document.source
    lines = [found for found in _TAB_LINE.finditer(source.text) if _is_inhabited(source, found)] if "\t" in source.text else []
    if not lines:
        return []
    texts = sorted((node.start, node.end) for _, node in document.walk() if isinstance(node, ScalarNode) and node.end > node.start)
    starts = [start for start, _ in texts]

    def in_text(place: int) -> bool:
        before = bisect_left(starts, place) - 1
        return before >= 0 and place <= texts[before][1]

    wrong = [found for found in lines if source.text[found.end()] != "#" and not in_text(found.end())][:_MOST_TABS]
    edits = [(found.start(1), found.end(1), found[1].replace("\t", "  ")) for found in wrong]
    return [
        _tab_at(source, found.start(1) + found[1].index("\t"), ("indent with spaces", [edit])) for found, edit in zip(wrong, edits)
    ]


def _unclosed_quote(source: SourceText, begun: int) -> Diagnostic:
    quote = source.text[begun : begun + 1]
    line = Line(source, begun)
    fix = if_settled(source, "close the quotes at the end of the line", [(line.end, line.end, quote)])
    return diagnostic_at(
        source, "YF118", begun, begun + 1, f"the quotes that open here with {quote} are never closed",
        hint=f"write {quote} where the text ends", fix=fix,
    )  # fmt: skip


_CLOSING = {"[": "]", "{": "}"}


def _unclosed_bracket(source: SourceText, begun: int, offset: int) -> Diagnostic:
    opening = source.text[begun : begun + 1]
    closing = _CLOSING.get(opening)
    line = Line(source, min(offset, len(source.text)))
    if closing is None:
        return diagnostic_at(source, "YF117", offset, offset + 1, "this does not fit into the list or mapping around it")
    here = f"line {line.number}" if offset < len(source.text) else "the end"
    opened = Line(source, begun)
    fix = if_settled(source, f"close it with `{closing}`", [(opened.end, opened.end, closing)])
    related = [("reading stopped here", offset, offset + 1)] if offset < len(source.text) else []
    return diagnostic_at(
        source, "YF118", begun, begun + 1, f"the `{opening}` that opens here is not closed, or a `,` is missing, before {here}",
        hint=f"separate items by `,` and close with `{closing}`; quote texts that contain brackets, braces or commas",
        fix=fix, related=related,
    )  # fmt: skip


def _no_colon(source: SourceText, begun: int) -> Diagnostic:
    line = Line(source, begun)
    missing = _MISSING_SPACE.match(line.text)
    if missing is not None:
        place = line.start + missing.end()
        key = shown(source.text[line.begin : place])
        fix = if_settled(source, "put a space behind the colon", [(place, place, " ")])
        return diagnostic_at(
            source, "YF117", line.begin, place, f"a space is missing behind {key}",
            hint="write `key: value`", fix=fix or ("put a space behind the colon", [(place, place, " ")]),
        )  # fmt: skip
    return diagnostic_at(
        source, "YF117", line.begin, line.end, f"{shown(line.text.strip())} is neither `key: value` nor a list item `- value`",
        hint="write a `:` and a space behind the key; a text of several lines begins with `key: |`",
    )  # fmt: skip


def _unexpected_colon(source: SourceText, line: Line, offset: int) -> Diagnostic:
    before = source.line_text(line.number - 1)
    missing = _MISSING_SPACE.match(before)
    if missing is not None:
        return _no_colon(source, source.offset(line.number - 1, 1))
    deeper = len(line.leading) > len(before) - len(before.lstrip(" ")) and before.strip() and not before.rstrip().endswith(":")
    fix = None
    if deeper:
        indentation = " " * (len(before) - len(before.lstrip(" ")))
        fix = if_settled(source, "indent it as the line before", [(line.start, line.begin, indentation)])
    hint = (
        "indent it as the line before, or end that line with `:`" if deeper else 'a text that contains ": " needs quotes around it'
    )
    return diagnostic_at(source, "YF117", offset, offset + 1, "a `key: value` cannot stand here", hint=hint, fix=fix)


def _indentation(source: SourceText, line: Line, offset: int, begun: int | None) -> Diagnostic:
    missing = _MISSING_SPACE.match(line.text)
    if missing is not None and settles(source, [(line.start + missing.end(),) * 2 + (" ",)]):
        return _no_colon(source, offset)
    column = len(line.leading) + 1
    fix = None
    message = f"the indentation of this line ({column - 1} spaces) fits no list or mapping that is open here"
    related = []
    if begun is not None:
        other, other_column = source.position(begun)
        if other != line.number:
            related = [("this begins the block around it", begun, begun + 1)]
            message += f"; the one begun in line {other} has {other_column - 1}"
            edit = (line.start, line.begin, " " * (other_column - 1))
            fix = if_settled(source, f"indent it by {other_column - 1} spaces", [edit])
    return diagnostic_at(
        source,
        "YF117",
        line.begin,
        line.end,
        message,
        hint="lines of one list or mapping begin in the same column",
        fix=fix,
        related=related,
    )


_WINDOWS_PATH = re.compile(r"[A-Za-z]:\\|\\\\|\.{1,2}\\")
_INSIDE = re.compile(r'(?:[^"\\\r\n]|\\.)*')
_ESCAPE = re.compile(r"\\(.)")
_KNOWN_ESCAPES = frozenset('0abt\tnvfre "/\\N_LPxuU')


def _escape(source: SourceText, offset: int, begun: int | None) -> Diagnostic:
    text = source.text
    slash = text.rfind("\\", begun or 0, offset + 1)
    start = slash if slash >= 0 else offset
    edits = _doubled(source, begun, start)
    return diagnostic_at(
        source, "YF117", start, start + 2, f"between double quotes {shown(text[start:start + 2])} is no escape that YAML knows",
        hint="write `\\\\` for a backslash, or use single quotes, between which a backslash is a backslash",
        fix=("double the backslashes" if len(edits) > 1 else "double the backslash", edits),
    )  # fmt: skip


def _doubled(source: SourceText, begun: int | None, start: int) -> list[Replacement]:
    """The edits for all backslashes of the text in this line: in a path of Windows each, else those that begin no escape."""
    first = (begun if begun is not None else start) + 1
    inside = _INSIDE.match(source.text, first)
    text = inside[0] if inside is not None else ""
    is_path = _WINDOWS_PATH.match(text) is not None
    single = (found for found in _ESCAPE.finditer(text) if found[1] != "\\" and (is_path or found[1] not in _KNOWN_ESCAPES))
    places = [first + found.start() for found in single] or [start]
    return [(place, place + 1, "\\\\") for place in places]
