"""Text → located values: one YAML 1.2 document, strict, each value with its place.

PyYAML's event parser reads the syntax (libyaml where it is there, else pure Python: the result is the same); everything
that gives YAML its surprises is refused here with place, advice and, where one edit settles it, a fix. See ``limits`` for
what is too large, ``yaml_refusals`` for what is not read, ``yaml_syntax`` for the parser's own complaints,
``unquoted`` for expressions that lack their quotes. An unquoted expression is read as if it had been quoted, so that
the rest of the document is still looked at.
"""

from __future__ import annotations

import re
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.scanner import Scanner

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.domain.document import Document, DocumentNode, MappingNode, ScalarNode, SequenceNode
from yamlflow_nb.domain.source import SourceText
from yamlflow_nb.language import yaml_refusals as refusals
from yamlflow_nb.language.alias_values import with_values
from yamlflow_nb.language.characters import decoded, forbidden_character, foreign_breaks
from yamlflow_nb.language.core_schema import UnfitNumber, typed
from yamlflow_nb.language.limits import DEEPEST, Allowance, too_long
from yamlflow_nb.language.unquoted import Repair, cut_expressions, repair_at
from yamlflow_nb.language.yaml_syntax import syntax_diagnostic, tabs_between_brackets

try:
    from yaml.cyaml import CParser  # type: ignore[attr-defined]
except ImportError:  # PyYAML built without libyaml
    CParser = None  # type: ignore[assignment,misc]

_ODD = "\ud800"
"""Begins the stand-ins for keys that are refused; no character that a document can hold."""
_ODD_COLLECTION = _ODD + "?"
_MOST_FINDINGS = 50
_MOST_REPAIRS = 20
_PLAIN_TEXT_STARTS = frozenset("abcdeghijklmopqrsuvwxyzABCDEGHIJKLMOPQRSUVWXYZ_\"'/({[<>*&!@#%=:,;?|")
"""First letters of plain scalars that are texts whatever follows (``n t f`` and digits may begin other values)."""


_PROPERTY = re.compile(r"(!<[^>\s]*>|[&!][^\s,\[\]{}]*)(?:[ \t]+|[ \t]*(?=[\r\n,\]}]|\Z))")


class _PurePythonParser(Reader, Scanner, Parser):
    """PyYAML's parser without libyaml."""

    def __init__(self, stream: str) -> None:
        Reader.__init__(self, stream)
        Scanner.__init__(self)
        Parser.__init__(self)


class _Stop(Exception):
    """Reading on would tell nothing more."""


class _NeedsQuotes(Exception):
    """A flow mapping that is an unquoted ``{{``; holds its offset."""

    def __init__(self, offset: int) -> None:
        super().__init__()
        self.offset = offset


def read_document(text: str | bytes, name: str = "<text>") -> tuple[Document | None, list[Diagnostic]]:
    """The located tree of a YAML document, and what was found wrong with its text.

    Never raises, whatever the text. None when there is no tree to go on with; a tree beside errors is whole enough to be
    looked at for further errors, never to be run.
    """
    source, findings = decoded(text, name)
    if not findings and (finding := forbidden_character(source)):
        findings = [finding]
    if findings:
        return None, findings
    if finding := too_long(source):
        return None, [finding]
    repairs: dict[int, Repair] = {}
    while True:
        builder = _TreeBuilder(source, repairs)
        repair, complaint = builder.read()
        if repair is None or len(repairs) >= _MOST_REPAIRS:
            break
        repairs[repair.start] = repair
    findings = [*(one.diagnostic for one in repairs.values() if not one.within(repairs.values())), *builder.findings]
    if repair is not None:
        findings.append(repair.diagnostic)
    if complaint is not None:
        findings.append(complaint)
    root = builder.root
    if root is None:
        if not findings:
            findings = [refusals.empty(source)]
        return None, findings
    document = Document(source, root)
    findings = with_values(document, findings) + cut_expressions(document) + tabs_between_brackets(document)
    return document, findings


class _TreeBuilder:
    """One reading of the parser's events into a tree."""

    def __init__(self, source: SourceText, repairs: dict[int, Repair], pure: bool = CParser is None) -> None:
        self.source = source
        self.repairs = repairs
        self.findings: list[Diagnostic] = []
        self.root: DocumentNode | None = None
        self.anchors: dict[str, tuple[int, int]] = {}
        self.aliased: set[str] = set()
        self.parser_text, self.breaks = foreign_breaks(source.text)
        for repair in repairs.values():
            self.parser_text = repair.blanked(self.parser_text)
        # libyaml leaves a byte order mark out of its count.
        self.shift = 1 if self.parser_text.startswith("\ufeff") else 0
        self.pure = pure

    def read(self) -> tuple[Repair | None, Diagnostic | None]:
        """Fills ``root``. Gives a repair after which reading is to begin anew, or the parser's complaint."""
        try:
            stream = self.parser_text[self.shift :]
            self.build(_PurePythonParser(stream) if self.pure else CParser(stream))
        except _Stop:
            return None, None
        except _NeedsQuotes as found:
            repair = repair_at(self.source, found.offset, None, self.repairs)
            return repair, None if repair is not None else refusals.collection_as_key(self.source, found.offset, True)
        except (yaml.YAMLError, ValueError, OverflowError) as error:
            mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
            offset = mark.index + self.shift if mark is not None else len(self.source.text)
            context = getattr(error, "context_mark", None)
            begun = context.index + self.shift if context is not None else None
            # What the parser gave before it stumbled is no whole document.
            self.root = None
            repair = repair_at(self.source, offset, begun, self.repairs)
            return repair, None if repair is not None else syntax_diagnostic(self.source, error, offset, begun)
        return None, None

    def find(self, finding: Diagnostic) -> None:
        self.findings.append(finding)
        if len(self.findings) >= _MOST_FINDINGS:
            raise _Stop

    def build(self, parser: Any) -> None:
        """The hot loop: one turn an event; what is unusual leaves it by a method."""
        get_event = parser.get_event
        shift, breaks, source = self.shift, self.breaks, self.source
        allowance = Allowance(source)
        count, limit = 0, allowance.limit
        stack: list[Any] = []
        items: Any = []
        top = items
        keys: dict[str, ScalarNode] = {}
        is_map = False
        pending: str | None = None
        began, flow = 0, False
        node: DocumentNode
        while True:
            event = get_event()
            kind = type(event)
            if kind is ScalarEvent:
                count += 1
                text = event.value
                style = event.style or ""
                start, end = event.start_mark.index + shift, event.end_mark.index + shift
                value: Any = text
                if event.anchor is not None or event.tag is not None:
                    start = self.properties(event, start, end)
                if breaks:
                    text = value = text.translate(breaks)
                if style == "":
                    if not text or text[0] not in _PLAIN_TEXT_STARTS:
                        try:
                            value = typed(text)
                        except UnfitNumber as error:
                            self.find(refusals.unfit_number(source, start, end, error))
                elif style == '"':
                    if start in self.repairs:
                        style, text = "", self.repairs[start].text
                        value = text
                elif style != "'":
                    end = start + len(source.text[start:end].rstrip())
                node = ScalarNode(value, text, style, start, end)
                if is_map and pending is None:
                    if value.__class__ is not str or text in items or (text == "<<" and style == ""):
                        text = self.unusual_key(node, items, keys)
                    keys[text] = node
                    pending = text
                    if count > limit:
                        limit = self.more(allowance, count, top)
                    continue
            elif kind is MappingStartEvent or kind is SequenceStartEvent:
                count += 1
                start = event.start_mark.index + shift
                if event.anchor is not None or event.tag is not None:
                    start = self.properties(event, start, start)
                if is_map and pending is None:
                    if flow and event.flow_style and start == began + 1 and kind is MappingStartEvent:
                        raise _NeedsQuotes(began)
                    self.find(refusals.collection_as_key(source, start, kind is MappingStartEvent))
                    pending = f"{_ODD_COLLECTION}{start}"
                stack.append((items, keys, is_map, pending, began, flow))
                if len(stack) > DEEPEST:
                    self.find(refusals.too_deep(source, start))
                    raise _Stop
                is_map = kind is MappingStartEvent
                items, keys, pending = ({} if is_map else []), {}, None
                began, flow = start, bool(event.flow_style)
                continue
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                end = event.end_mark.index + shift
                if is_map:
                    if self.findings:
                        items = {key: item for key, item in items.items() if not key.startswith(_ODD)}
                        keys = {key: where for key, where in keys.items() if key in items}
                    if not flow and items:
                        end = _last_end(items, began)
                    node = MappingNode(items, keys, began, end, flow)
                else:
                    if not flow and items:
                        end = _last_end(items, began)
                    node = SequenceNode(items, began, end, flow)
                items, keys, is_map, pending, began, flow = stack.pop()
                if pending is not None and pending.startswith(_ODD_COLLECTION):
                    pending = _ODD + pending[2:]
                    continue
            elif kind is AliasEvent:
                count += 1
                node = self.alias(event)
                if is_map and pending is None:
                    pending = f"{_ODD}{node.start}"
                    continue
            elif kind is DocumentStartEvent:
                if top:
                    self.find(refusals.second_document(source, event.start_mark.index + shift))
                    break
                continue
            elif kind is StreamEndEvent:
                break
            else:
                continue
            if is_map:
                items[pending] = node
                pending = None
            else:
                items.append(node)
            if count > limit:
                limit = self.more(allowance, count, top)
        self.finish(top, count, allowance)

    def finish(self, top: list[DocumentNode], count: int, allowance: Allowance) -> None:
        if top:
            self.root = top[0]
            if finding := allowance.exceeded(count, self.root):
                self.find(finding)
        for name, (start, end) in self.anchors.items():
            self.find(refusals.anchor(self.source, start, end, name in self.aliased))

    def more(self, allowance: Allowance, count: int, top: list[DocumentNode]) -> int:
        """The next count at which to look again; stops the reading of a document that is too large whatever follows."""
        limit = allowance.next_limit(count)
        if limit is None:
            self.find(allowance.refusal())
            raise _Stop
        return limit

    def properties(self, event: Any, start: int, end: int) -> int:
        """Refuses an anchor or tag before a value; gives the offset of the value itself."""
        text = self.source.text
        value_start = start
        for _ in range(2):
            found = _PROPERTY.match(text, value_start)
            if found is None:
                break
            first, last = found.span(1)
            value_start = found.end()
            if text[first] == "&":
                self.anchors.setdefault(event.anchor, (first, last))
            else:
                if repair_at(self.source, first, None, self.repairs) is not None:
                    raise _NeedsQuotes(first)
                self.find(refusals.tag(self.source, event, first, last, value_start, max(end, value_start)))
        return value_start if getattr(event, "value", "x") else start

    def alias(self, event: Any) -> ScalarNode:
        start, end = event.start_mark.index + self.shift, event.end_mark.index + self.shift
        target = self.anchors.get(event.anchor)
        self.aliased.add(event.anchor)
        self.find(refusals.alias(self.source, start, end, target))
        return ScalarNode(None, "", "", start, end)

    def unusual_key(self, key: ScalarNode, items: dict[str, DocumentNode], keys: dict[str, ScalarNode]) -> str:
        """Refuses a key that is no text, given twice, or a merge; gives the name under which its value is put away."""
        if key.style == "" and key.text == "<<":
            self.find(refusals.merge_key(self.source, key))
            return f"{_ODD}{key.start}"
        if not isinstance(key.value, str):
            self.find(refusals.key_is_no_text(self.source, key))
            key.value = key.text
        if key.text in keys:
            self.find(refusals.duplicate_key(self.source, key, keys[key.text]))
            return f"{_ODD}{key.start}"
        return key.text


def _last_end(items: Any, began: int) -> int:
    """Where a block collection ends: with its last value, not with the blank lines and comments behind it."""
    last = next(reversed(items.values())) if isinstance(items, dict) else items[-1]
    return max(began, int(last.end))
