"""One pass over a document: what is found wrong on the way, and the readers that every field is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.domain.document import Document, DocumentNode, MappingNode, Path, ScalarNode, SequenceNode
from yamlflow_nb.domain.expression import BoundTemplate, Template, TriggerExpression, TriggerNode
from yamlflow_nb.domain.ports.catalogue import Shelf
from yamlflow_nb.domain.task_definition import TaskType
from yamlflow_nb.language.durations import FORMS, meant_duration, parse_duration
from yamlflow_nb.language.expression_parser import parse_trigger
from yamlflow_nb.language.locate import diagnostic_at, diagnostic_for, place_of
from yamlflow_nb.language.long_text import has_statements, parse_long_text
from yamlflow_nb.language.nearest import nearest
from yamlflow_nb.language.problem import ExpressionSyntaxError, Problem
from yamlflow_nb.language.quoting import quoted, shown
from yamlflow_nb.language.value_parser import parse_template

INVALID: Any = object()
"""What a reader gives for a value that it has reported."""
Reader = Callable[["Reading", Path, DocumentNode], Any]
_MOST_FINDINGS = 200
_MOST_SUGGESTIONS = 50
_MEANT: dict[str, tuple[str, ...]] = {
    "attempts": ("maxAttempts",), "retries": ("maxAttempts",), "maxretries": ("maxAttempts",), "count": ("maxAttempts",),
    "times": ("maxAttempts", "maxIterations"), "max": ("maxAttempts", "limit", "maximum"), "min": ("minimum",),
    "limit": ("maxAttempts", "maxIterations"), "iterations": ("maxIterations",), "interval": ("delay", "every"),
    "wait": ("delay",), "timeout": ("maxDuration",), "strategy": ("backoff", "policy"), "tz": ("timezone",), "mem": ("memory",),
    "choices": ("enum",), "options": ("enum",), "condition": ("until", "when"), "expression": ("cron", "when"),
    "backfill": ("catchUp",), "maxparallelism": ("limit",),
}  # fmt: skip
"""What fields are called elsewhere, in small letters without ``_``: the first that there is here is meant."""
_KINDS: dict[type, str] = {str: "a text", bool: "true or false", int: "a number", float: "a number", type(None): "nothing"}


class Reading:
    """Collects findings; remembers the expressions that it has parsed."""

    def __init__(self, document: Document, task_types: Mapping[str, TaskType], shelf: Shelf | None = None) -> None:
        self.shelf = shelf
        self.document = document
        self.task_types = task_types
        self.found: list[Diagnostic] = []
        self._triggers: dict[str, TriggerNode] = {}
        self._meant: set[tuple[Path, str]] = set()
        self._missing: dict[tuple[Path, str], Diagnostic] = {}

    def report(
        self,
        code: str,
        path: Path,
        message: str,
        hint: str | None = None,
        *,
        on_key: bool = False,
        replace: tuple[str, str] | None = None,
        related: tuple[str, Path] | None = None,
    ) -> Any:
        """A finding about the value (or the key) at a path; ``replace`` (title, YAML) is what settles it. Gives ``INVALID``."""
        if len(self.found) >= _MOST_FINDINGS:
            return INVALID
        key = self.document.key_at(path) if on_key else None
        start, end = (key.start, key.end) if key is not None else place_of(self.document, path)
        self.found.append(
            diagnostic_at(
                self.document.source, code, start, end, message, hint=hint,
                fix=(replace[0], [(start, end, replace[1])]) if replace else None,
                related=[(related[0], *place_of(self.document, related[1]))] if related else (),
            )
        )  # fmt: skip
        return INVALID

    def near(self, name: str, candidates: Iterable[str]) -> str | None:
        """The known name nearest to a mistyped one; after many findings no more suggestions, so that cost stays bounded."""
        return nearest(name, candidates) if len(self.found) < _MOST_SUGGESTIONS else None

    def unknown_key(self, path: Path, known: Iterable[str], present: Iterable[str], what: str) -> None:
        """A key that is none here, with the nearest that is."""
        name = str(path[-1])
        names = list(known)
        free = [other for other in names if other not in present]
        close = next((meant for meant in _MEANT.get(name.lower().replace("_", ""), ()) if meant in free), None)
        close = close or self.near(name, free)
        hint = f"did you mean `{close}`?" if close else f"known here: {', '.join(names)}"
        replace = (f"write `{close}`", close) if close else None
        if close:
            self.meant(path[:-1], close)
        self.report("YF121", path, f"{what} has no field {shown(name)}", hint, on_key=True, replace=replace)

    def missing(
        self, path: Path, name: str, message: str, hint: str | None = None, *, on_key: bool = False, at: Path | None = None
    ) -> None:
        """A field that the mapping at ``path`` needs; told there, or ``at`` another place."""
        before = len(self.found)
        self.report("YF122", path if at is None else at, message, hint, on_key=on_key)
        if len(self.found) > before:
            self._missing[path, name] = self.found[-1]

    def meant(self, path: Path, name: str) -> None:
        """Another name in the mapping at ``path`` stands for this one: it is not missed then."""
        self._meant.add((path, name))

    @property
    def findings(self) -> list[Diagnostic]:
        """What is found, without the fields that are missing only because their names are mistyped."""
        told = [one for place, one in self._missing.items() if place in self._meant]
        return [one for one in self.found if not any(one is other for other in told)] if told else self.found

    def wrong(self, path: Path, node: DocumentNode, expected: str, hint: str | None = None) -> Any:
        """A value that is not what is expected."""
        return self.report("YF123", path, f"{_name(path)} must be {expected}, this is {kind_of(node)}", hint)

    # Expressions --------------------------------------------------------------------------------------------------

    def trigger(self, path: Path, node: DocumentNode) -> TriggerExpression | None:
        """A trigger's tree with its place, or None after reporting what is wrong with it."""
        value = node.value if type(node) is ScalarNode else None
        if value.__class__ is bool:
            value = "true" if value else "false"
        if value.__class__ is not str:
            hint = "`&&` joins conditions" if isinstance(node, SequenceNode) else None
            self.wrong(path, node, 'an expression such as "event:extract.completed", true or false', hint)
            return None
        root = self._triggers.get(value)
        if root is None:
            try:
                root = self._triggers[value] = parse_trigger(value).root
            except ExpressionSyntaxError as error:
                self.problems(path, error)
                return None
        return TriggerExpression(value, root, path)

    def template(self, path: Path, text: str) -> Template | None:
        """A text's template; None where it holds no ``{{ }}``, or a wrong one."""
        if "{{" not in text:
            return None
        try:
            return parse_template(text)
        except ExpressionSyntaxError as error:
            self.problems(path, error)
            return None

    def long_text(self, path: Path, text: str) -> Template | None:
        """A text with statements of Jinja2; None where it cannot be read."""
        try:
            return parse_long_text(text)
        except ExpressionSyntaxError as error:
            self.problems(path, error)
            return None

    def templates(self, path: Path, node: DocumentNode) -> tuple[BoundTemplate, ...]:
        """The templates in a value, however deep."""
        found: list[BoundTemplate] = []
        stack: list[tuple[Path, DocumentNode]] = [((), node)]
        while stack:
            within, part = stack.pop()
            if type(part) is ScalarNode:
                if part.value.__class__ is str and "{{" in part.value:
                    template = self.template((*path, *within), part.value)
                    if template is not None:
                        found.append(BoundTemplate(within, template, (*path, *within)))
            elif isinstance(part, MappingNode):
                stack.extend(((*within, key), item) for key, item in reversed(part.items.items()))
            elif isinstance(part, SequenceNode):
                stack.extend(((*within, index), item) for index, item in reversed(list(enumerate(part.items))))
        return tuple(found)

    def problems(self, path: Path, error: ExpressionSyntaxError) -> None:
        if len(self.found) < _MOST_FINDINGS:
            self.found += [diagnostic_for(self.document, path, self._if_of_node(problem)) for problem in error.problems]

    def _if_of_node(self, problem: Problem) -> Problem:
        """A problem without its fix where that is for a node which there is not."""
        return problem if problem.node is None or self.is_node(problem.node) else replace(problem, fix=None)

    def is_node(self, name: str) -> bool:
        """Whether a node of the document has this id."""
        nodes = self.document.find(("nodes",))
        items = nodes.items if isinstance(nodes, SequenceNode) else ()
        ids = (item.items.get("id") for item in items if isinstance(item, MappingNode))
        return any(isinstance(one, ScalarNode) and one.text == name for one in ids)


def kind_of(node: DocumentNode) -> str:
    """What a value is, for a message."""
    if isinstance(node, MappingNode):
        return "a mapping"
    if isinstance(node, SequenceNode):
        return "a list"
    kind = _KINDS.get(type(node.value), "something else")
    return f"{kind}, {shown(node.text)}" if node.text and kind != "nothing" else kind


def _name(path: Path) -> str:
    if not path:
        return "the document"
    return f"`{path[-1]}`" if isinstance(path[-1], str) else "this"


# The readers ----------------------------------------------------------------------------------------------------------


def text(reading: Reading, path: Path, node: DocumentNode) -> Any:
    if type(node) is ScalarNode:
        if node.value.__class__ is str:
            return node.value
        if node.value is not None:
            written = quoted(node.text)
            return reading.report(
                "YF123", path, f"{_name(path)} must be a text, this is {kind_of(node)}", f"quote it: {written}",
                replace=("quote it", written),
            )  # fmt: skip
    return reading.wrong(path, node, "a text")


def long_text(reading: Reading, path: Path, node: DocumentNode) -> Any:
    """A text that may hold ``{{ }}`` and statements; its form is looked at."""
    value = text(reading, path, node)
    if value is not INVALID:
        (reading.long_text if has_statements(value) else reading.template)(path, value)
    return value


def fitted(expected: str, form: Callable[[DocumentNode], str | None], reader: Reader) -> Reader:
    """``reader``, and for a value that is meant as something else the fix that writes what ``form`` makes of it."""

    def read(reading: Reading, path: Path, node: DocumentNode) -> Any:
        written = form(node)
        if written is None:
            return reader(reading, path, node)
        message = f"{_name(path)} must be {expected}, this is {kind_of(node)}"
        return reading.report("YF123", path, message, f"write {written}", replace=(f"write {written}", written))

    return read


def boolean(reading: Reading, path: Path, node: DocumentNode) -> Any:
    if type(node) is ScalarNode and node.value.__class__ is bool:
        return node.value
    meant = {"yes": "true", "on": "true", "no": "false", "off": "false", "true": "true", "false": "false"}
    word = meant.get(str(node.value).lower()) if type(node) is ScalarNode and isinstance(node.value, str) else None
    if word:
        return reading.report(
            "YF123", path, f"{_name(path)} must be true or false, this is {kind_of(node)}", f"write {word}",
            replace=(f"write {word}", word),
        )  # fmt: skip
    return reading.wrong(path, node, "true or false")


def integer_from(least: int | None) -> Reader:
    """Reads an integer that is not below ``least``."""

    def integer(reading: Reading, path: Path, node: DocumentNode) -> Any:
        value = node.value if type(node) is ScalarNode else None
        if value.__class__ is not int:
            return reading.wrong(path, node, "an integer")
        if least is not None and value < least:
            return reading.report("YF124", path, f"{_name(path)} must be at least {least}, this is {value}")
        return value

    return integer


def duration(reading: Reading, path: Path, node: DocumentNode) -> Any:
    seconds = parse_duration(node.value) if type(node) is ScalarNode else None
    if seconds is not None:
        return seconds
    meant = meant_duration(node.value) if type(node) is ScalarNode else None
    replace = (f"write {meant}", meant) if meant is not None else None
    hint = f"write {meant}" if meant is not None else f"durations: {FORMS}"
    return reading.report("YF125", path, f"{_name(path)} is no duration", hint, replace=replace)


def one_of(*choices: str) -> Reader:
    """Reads one of some words."""

    def word(reading: Reading, path: Path, node: DocumentNode) -> Any:
        value = node.value if type(node) is ScalarNode else None
        if value in choices and isinstance(value, str):
            return value
        close = reading.near(value, choices) if isinstance(value, str) else None
        return reading.report(
            "YF126", path, f"{_name(path)} must be {_either(choices)}, this is {kind_of(node)}",
            f"did you mean `{close}`?" if close else None, replace=(f"write `{close}`", close) if close else None,
        )  # fmt: skip

    return word


def _either(choices: tuple[str, ...]) -> str:
    words = [f"`{choice}`" for choice in choices]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def texts(reading: Reading, path: Path, node: DocumentNode) -> Any:
    """A list of texts."""
    if not isinstance(node, SequenceNode):
        if type(node) is ScalarNode and isinstance(node.value, str) and node.style != "|" and node.style != ">":
            raw = reading.document.source.text[node.start : node.end]
            return reading.report(
                "YF123", path, f"{_name(path)} must be a list of texts, this is {kind_of(node)}", f"write [{raw}]",
                replace=("make it a list", f"[{raw}]"),
            )  # fmt: skip
        return reading.wrong(path, node, "a list of texts")
    values = [text(reading, (*path, index), item) for index, item in enumerate(node.items)]
    return INVALID if INVALID in values else tuple(values)


def anything(reading: Reading, path: Path, node: DocumentNode) -> Any:
    """Any value; its templates are looked at for their form."""
    reading.templates(path, node)
    return node.plain()


def any_of(first: Reader, kind: type, second: Reader) -> Reader:
    """``first`` for scalars of a kind, else ``second``."""

    def either(reading: Reading, path: Path, node: DocumentNode) -> Any:
        return (first if type(node) is ScalarNode and node.value.__class__ is kind else second)(reading, path, node)

    return either


def record(fields: Mapping[str, Reader], required: tuple[str, ...] = ()) -> Reader:
    """Reads a mapping whose keys are known: name → value, as far as each could be read."""

    def read(reading: Reading, path: Path, node: DocumentNode) -> Any:
        if not isinstance(node, MappingNode):
            return reading.wrong(path, node, f"a mapping with {', '.join(f'`{name}`' for name in fields)}")
        values: dict[str, Any] = {}
        for name, item in node.items.items():
            if name not in fields:
                reading.unknown_key((*path, name), fields, node.items, _name(path))
                continue
            value = fields[name](reading, (*path, name), item)
            if value is not INVALID:
                values[name] = value
        for name in required:
            if name not in node.items:
                reading.missing(path, name, f"{_name(path)} needs `{name}`", on_key=True)
        return values

    return read


def list_of(reader: Reader) -> Reader:
    """Reads a list."""

    def read(reading: Reading, path: Path, node: DocumentNode) -> Any:
        if not isinstance(node, SequenceNode):
            return reading.wrong(path, node, "a list")
        values = [reader(reading, (*path, index), item) for index, item in enumerate(node.items)]
        return tuple(value for value in values if value is not INVALID)

    return read
