"""What YAML can say and a pipeline may not: each refused with the reason and the way to say it instead."""

from __future__ import annotations

import re
from typing import Any

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.domain.document import ScalarNode
from yamlflow_nb.domain.source import SourceText
from yamlflow_nb.language.core_schema import UnfitNumber, typed
from yamlflow_nb.language.limits import DEEPEST
from yamlflow_nb.language.locate import diagnostic_at
from yamlflow_nb.language.quoting import quoted, shown

_REUSE = "write the values out; what several nodes share goes into `defaults` or `taskDefinitions`"
_CORE_TAG = "tag:yaml.org,2002:"
_EXAMPLE = "a pipeline needs at least `name: my_pipeline` and `nodes:` with one node"


def empty(source: SourceText) -> Diagnostic:
    return diagnostic_at(source, "YF105", 0, 0, "the document is empty", hint=_EXAMPLE)


def second_document(source: SourceText, start: int) -> Diagnostic:
    return diagnostic_at(
        source, "YF106", start, start + 3, "a second document begins here; a file holds one pipeline",
        hint="put it into a file of its own, or remove the `---`",
    )  # fmt: skip


def too_deep(source: SourceText, start: int) -> Diagnostic:
    message = f"lists and mappings are nested more than {DEEPEST} deep"
    return diagnostic_at(source, "YF104", start, start + 1, message, hint="keep deep data in a file that a node reads")


def unfit_number(source: SourceText, start: int, end: int, error: UnfitNumber) -> Diagnostic:
    raw = source.text[start:end]
    return diagnostic_at(
        source, "YF116", start, end, f"the number {shown(raw)} {error}",
        hint="quote it if it is meant as a text", fix=("quote it", [(start, end, quoted(raw))]),
    )  # fmt: skip


def anchor(source: SourceText, start: int, end: int, used: bool) -> Diagnostic:
    fix = None if used else ("remove the anchor", [(start, _behind_blanks(source.text, end), "")])
    message = f"the anchor {shown(source.text[start:end])}: anchors and aliases are not read; every value stands where it counts"
    return diagnostic_at(source, "YF107", start, end, message, hint=_REUSE if used else "nothing refers to it: remove it", fix=fix)


def alias(source: SourceText, start: int, end: int, target: tuple[int, int] | None) -> Diagnostic:
    related = [("the anchor", *target)] if target is not None else []
    hint = _REUSE
    fix = None
    if target is None:
        hint = "if it is meant as a text, quote it"
        fix = ("quote it", [(start, end, quoted(source.text[start:end]))])
    return diagnostic_at(
        source, "YF107", start, end, f"the alias {shown(source.text[start:end])} is not read", hint=hint, fix=fix, related=related
    )


def tag(source: SourceText, event: Any, start: int, end: int, value_start: int, value_end: int) -> Diagnostic:
    """An explicit tag. Fixed where the value reads the same, or as its quotes would have it."""
    name = str(event.tag)
    message = f"the tag {shown(source.text[start:end])}: tags are not read, a value's type is told by its form"
    hint = "remove the tag; quote what is meant as a text"
    value = getattr(event, "value", None)
    remove = ("remove the tag", [(start, value_start, "")])
    fix = None
    if value is None:
        fix = remove if name in (_CORE_TAG + "map", _CORE_TAG + "seq") else None
    elif name in (_CORE_TAG + "str", "!"):
        raw = source.text[value_start:value_end]
        fix = ("quote the text", [(start, value_end, quoted(value))]) if raw == value else remove
    elif name in _SCALAR_TAGS and not event.style and _is(value, _SCALAR_TAGS[name]):
        fix = remove
    return diagnostic_at(source, "YF109", start, end, message, hint=hint, fix=fix)


_SCALAR_TAGS: dict[str, tuple[type, ...]] = {
    _CORE_TAG + "int": (int,), _CORE_TAG + "float": (float,), _CORE_TAG + "bool": (bool,), _CORE_TAG + "null": (type(None),),
}  # fmt: skip


def _is(text: str, kinds: tuple[type, ...]) -> bool:
    try:
        return type(typed(text)) in kinds
    except UnfitNumber:
        return False


def merge_key(source: SourceText, key: ScalarNode) -> Diagnostic:
    return diagnostic_at(source, "YF108", key.start, key.end, "the merge key `<<` is not read", hint=_REUSE)


def duplicate_key(source: SourceText, key: ScalarNode, first: ScalarNode) -> Diagnostic:
    line = source.position(first.start)[0]
    return diagnostic_at(
        source, "YF110", key.start, key.end, f"{shown(key.text)} is given twice; the first is in line {line}",
        hint="remove one of the two", related=[("the first", first.start, first.end)], fix=_without_repetition(source, key, first),
    )  # fmt: skip


_WHOLE_LINE = re.compile(r"[ ]*[^\s#-][^\r\n]*:[ \t]+[^\s|>&*!#][^\r\n]*(?:\r\n|\n|\Z)")


def _without_repetition(source: SourceText, key: ScalarNode, first: ScalarNode) -> tuple[str, list[tuple[int, int, str]]] | None:
    """The fix where both say the same, each in a line of its own: the second line goes."""
    (line, column), (other_line, other_column) = source.position(key.start), source.position(first.start)
    one = _WHOLE_LINE.match(source.text, key.start - column + 1)
    other = _WHOLE_LINE.match(source.text, first.start - other_column + 1)
    if line == other_line or one is None or other is None or one[0].strip() != other[0].strip():
        return None
    following = source.line_text(line + 1)
    goes_on = following.strip() and len(following) - len(following.lstrip(" ")) >= column
    return None if goes_on else ("remove the repetition", [(one.start(), one.end(), "")])


_KINDS = {int: "an integer", float: "a number", bool: "a boolean", type(None): "null"}


def key_is_no_text(source: SourceText, key: ScalarNode) -> Diagnostic:
    kind = _KINDS.get(type(key.value), "no text")
    if key.text == "":
        return diagnostic_at(source, "YF111", key.start, key.end + 1, "a key is missing before the `:`", hint="write the key")
    return diagnostic_at(
        source, "YF111", key.start, key.end, f"the key {shown(key.text)} is {kind}; keys are texts",
        hint="quote it", fix=("quote the key", [(key.start, key.end, quoted(key.text))]),
    )  # fmt: skip


def collection_as_key(source: SourceText, start: int, mapping: bool) -> Diagnostic:
    kind = "mapping" if mapping else "list"
    return diagnostic_at(
        source, "YF111", start, start + 1, f"a {kind} stands where a key is expected; keys are texts",
        hint='write a text as the key; an expression in `{{ }}` needs quotes: "{{ ... }}"',
    )  # fmt: skip


def _behind_blanks(text: str, end: int) -> int:
    while end < len(text) and text[end] in " \t":
        end += 1
    return end
