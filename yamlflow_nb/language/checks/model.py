"""What the checks look at: a definition, its text, and what is worth knowing once for all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from yamlflow_nb.domain.diagnostic import Diagnostic, Severity
from yamlflow_nb.domain.document import Document, Path, ScalarNode
from yamlflow_nb.domain.expression import (
    And,
    BoundTemplate,
    EventAtom,
    NameRead,
    NodeExpressions,
    Not,
    Or,
    PatternAtom,
    Quantified,
    Template,
    TriggerExpression,
    TriggerNode,
    ValueExpression,
)
from yamlflow_nb.domain.pipeline_definition import NodeDefinition, PipelineDefinition, Recovery
from yamlflow_nb.domain.ports.catalogue import Shelf
from yamlflow_nb.domain.task_definition import OutputDeclaration, TaskDefinition, TaskType
from yamlflow_nb.language.aside_templates import aside_expressions
from yamlflow_nb.language.derivation import starts_of, value_atoms
from yamlflow_nb.language.locate import diagnostic_at, place_of, scalar_edits
from yamlflow_nb.language.nearest import nearest
from yamlflow_nb.language.reachability import Reachability, analyse
from yamlflow_nb.language.scalar_places import offsets_within

_MOST_SUGGESTIONS = 100
PIPELINE = -1
"""Stands for the pipeline where a node's index is expected."""
TRIGGERS: tuple[str, ...] = ("startWhen", "skipWhen", "stopWhen", "failWhen", "retryWhen", "until")
OPEN_TYPES = frozenset({"wait", "subpipeline"})
"""Types whose outputs no document declares: what was awaited, what the child gives."""
RETURNING_TYPES = frozenset({"python", "notebook", "pyspark"})
"""Types that set whatever names they like, unless outputs are declared."""

Edits = Sequence[tuple[int, int, str]]
Place = tuple[Path, int, int]
"""A path, and two offsets in the text of the scalar there; (0, -1) for the whole value."""


class EventUse(NamedTuple):
    """One event atom or pattern: in which node (or ``PIPELINE``), in which of its expressions, and where that stands."""

    node: int
    role: str
    atom: EventAtom | PatternAtom
    path: Path


class ReadUse(NamedTuple):
    """One reading of a name."""

    node: int
    role: str
    """A trigger's field, ``inputBindings``, ``field``, ``forEach``, ``display``, ``recovery``, ``failMessage``, ``outputs``,
    ``cache``, or ``concurrency``, ``schedule`` and ``notifications`` of the pipeline."""
    read: NameRead
    path: Path
    expression: ValueExpression
    where: Path
    """Within ``inputBindings`` or the task's fields: at which path its value goes."""


class CheckModel:
    """One document, looked at by all checks. Nothing in it is changed by them."""

    def __init__(
        self,
        definition: PipelineDefinition,
        task_types: Mapping[str, TaskType],
        document: Document | None = None,
        *,
        read_file: Callable[[str], str | None] | None = None,
        shelf: Shelf | None = None,
        name: str = "<text>",
        ancestors: tuple[str, ...] = (),
    ) -> None:
        self.definition = definition
        self.task_types = task_types
        self.document = document if document is not None else definition.document
        self.read_file = read_file
        self.shelf = shelf
        self.name = name
        self.ancestors = ancestors
        """Files of the pipelines that contain this one, outermost first."""
        self._suggested = 0

    # The definition -----------------------------------------------------------------------------------------------

    @property
    def nodes(self) -> tuple[NodeDefinition, ...]:
        return self.definition.nodes

    @property
    def positions(self) -> Mapping[str, int]:
        return self.definition.positions

    def written(self, node: int) -> NodeExpressions:
        return self.definition.parsed.nodes[node]

    @cached_property
    def starts(self) -> list[TriggerExpression]:
        """Every node's ``startWhen``, written or derived."""
        return starts_of(self.definition)

    @cached_property
    def reachability(self) -> Reachability:
        return analyse(self.definition, self.starts)

    def setting(self, node: int, name: str) -> Any:
        """A control field as it holds for a node: its own, or that of ``defaults``; None when neither says."""
        own = self.nodes[node]
        if name in own.model_fields_set:
            return getattr(own, name)
        defaults = self.definition.defaults
        return getattr(defaults, name) if defaults is not None and name in defaults.model_fields_set else None

    def task(self, node: int) -> TaskDefinition | None:
        """The local task definition that a node names."""
        name = self.nodes[node].taskDefinition
        return self.definition.taskDefinitions.get(name) if name else None

    def type_name(self, node: int) -> str | None:
        task = self.task(node)
        return task.type if task is not None else self.nodes[node].type

    def task_type(self, node: int) -> TaskType | None:
        return self._kinds[node]

    @cached_property
    def _kinds(self) -> list[TaskType | None]:
        return [self.task_types.get(self.type_name(node) or "") for node in range(len(self.nodes))]

    def fields(self, node: int) -> Mapping[str, Any]:
        task = self.task(node)
        return task.fields if task is not None else self.nodes[node].fields

    def emits(self, node: int) -> Sequence[str]:
        return self.setting(node, "emits") or ()

    def is_for_each(self, node: int) -> bool:
        return self.setting(node, "forEach") is not None

    def declared_outputs(self, node: int) -> dict[str, OutputDeclaration]:
        """What the node and its task declare."""
        task = self.task(node)
        own = self.nodes[node].outputs
        return {**task.outputs, **own} if task is not None and task.outputs else own

    def outputs(self, node: int) -> dict[str, str]:
        """The outputs that a node is known to have, with their types."""
        found = self._outputs.get(node)
        if found is None:
            kind = self.task_type(node)
            found = dict(kind.outputs) if kind is not None else {}
            if self.type_name(node) == "approval":
                form = self.fields(node).get("form")
                if isinstance(form, Mapping):
                    for name, field in form.items():
                        found[str(name)] = field.get("type", "any") if isinstance(field, Mapping) else "any"
            found.update((name, declared.type) for name, declared in self.declared_outputs(node).items())
            recovery = self.setting(node, "onFailure")
            if isinstance(recovery, Recovery):
                for name in recovery.outputs:
                    found.setdefault(name, "any")
            self._outputs[node] = found
        return found

    @cached_property
    def _outputs(self) -> dict[int, dict[str, str]]:
        return {}

    def outputs_are_known(self, node: int) -> bool:
        """Whether a node can have no outputs but those of ``outputs``."""
        kind = self.task_type(node)
        name = kind.name if kind is not None else None
        if kind is None or name in OPEN_TYPES:
            return False
        if name == "approval" and not isinstance(self.fields(node).get("form") or {}, Mapping):
            return False
        if name in RETURNING_TYPES or not kind.outputs:
            return bool(self.declared_outputs(node))
        return True

    # What is named where ------------------------------------------------------------------------------------------

    def triggers(self, node: int) -> Iterator[tuple[str, TriggerExpression]]:
        """The triggers that a node writes."""
        written = self.written(node)
        for role in TRIGGERS:
            expression = getattr(written, role)
            if expression is not None:
                yield role, expression

    def templates(self, node: int) -> Iterator[tuple[str, BoundTemplate]]:
        """The templates of a node that are read when it runs or is shown."""
        written = self.written(node)
        for bound in written.bindings:
            yield "inputBindings", bound
        for bound in written.fields:
            yield "field", bound
        if written.for_each is not None:
            yield "forEach", written.for_each
        for bound in written.display:
            yield "display", bound
        for bound in written.recovery:
            yield "recovery", bound
        if written.fail_message is not None:
            yield "failMessage", written.fail_message

    @cached_property
    def _events(self) -> tuple[dict[tuple[str, str], None], dict[tuple[str, str], None]]:
        """The distinct events and the distinct patterns that are named anywhere."""
        events: dict[tuple[str, str], None] = {}
        patterns: dict[tuple[str, str], None] = {}
        for written in self.definition.parsed.nodes:
            for role in TRIGGERS:
                expression = getattr(written, role)
                if expression is not None:
                    _gather(expression.root, events, patterns)
        if self.definition.parsed.stop_when is not None:
            _gather(self.definition.parsed.stop_when.root, events, patterns)
        return events, patterns

    @property
    def events(self) -> Iterable[tuple[str, str]]:
        """The distinct ``(source, event)`` of all event atoms: checked once each, looked up where they stand when wrong."""
        return self._events[0]

    @property
    def patterns(self) -> Iterable[tuple[str, str]]:
        """The distinct ``(pattern, event)``."""
        return self._events[1]

    def all_triggers(self) -> Iterator[tuple[int, str, TriggerExpression]]:
        """Every trigger that the document writes: the pipeline's ``stopWhen`` first."""
        if self.definition.parsed.stop_when is not None:
            yield PIPELINE, "stopWhen", self.definition.parsed.stop_when
        for node in range(len(self.nodes)):
            for role, expression in self.triggers(node):
                yield node, role, expression

    def event_uses(self, wanted: Iterable[tuple[str, str]]) -> Iterator[EventUse]:
        """Where events or patterns stand, in document order."""
        keys = set(wanted)
        if keys:
            for node, role, expression in self.all_triggers():
                for atom in event_atoms(expression.root):
                    if (atom.source if isinstance(atom, EventAtom) else atom.pattern, atom.event) in keys:
                        yield EventUse(node, role, atom, expression.path)

    @cached_property
    def reads(self) -> list[ReadUse]:
        """Every reading of a name, node by node, the pipeline's own last."""
        found: list[ReadUse] = []
        for node, written in enumerate(self.definition.parsed.nodes):
            for role in TRIGGERS:
                trigger = getattr(written, role)
                if trigger is not None and "{{" in trigger.text:
                    _add_trigger(found, node, role, trigger)
            for role, bound in self.templates(node):
                for expression in bound.template.expressions:
                    for read in expression.reads:
                        found.append(ReadUse(node, role, read, bound.place, expression, bound.path))
        parsed = self.definition.parsed
        if parsed.stop_when is not None:
            _add_trigger(found, PIPELINE, "stopWhen", parsed.stop_when)
        for name, template in parsed.outputs.items():
            if isinstance(template, Template):
                for expression in template.expressions:
                    for read in expression.reads:
                        found.append(ReadUse(PIPELINE, "outputs", read, ("outputs", name), expression, (name,)))
        if self.document is not None:
            for index, role, path, expression in aside_expressions(self.document):
                node = PIPELINE if index is None else index
                found += [ReadUse(node, role, read, path, expression, path[1:]) for read in expression.reads]
        return found

    def near(self, name: str, candidates: Iterable[str]) -> str | None:
        """The known name nearest to a mistyped one; after many of them no more suggestions, so that cost stays bounded."""
        self._suggested += 1
        # What is itself mistyped is nothing to write elsewhere.
        candidates = (one for one in candidates if one.isidentifier())
        return nearest(name, candidates) if self._suggested <= _MOST_SUGGESTIONS else None

    # Saying it ----------------------------------------------------------------------------------------------------

    def report(
        self,
        code: str,
        place: Place,
        message: str,
        *,
        severity: Severity = "error",
        hint: str | None = None,
        fix: tuple[str, Edits] | None = None,
        fix_path: Path | None = None,
        replace: tuple[str, str] | None = None,
        on_key: bool = False,
        related: Iterable[tuple[str, Place]] = (),
    ) -> Diagnostic:
        """A finding at a place of an expression. The fix's edits count in the text at ``fix_path`` (default: the place's);
        ``replace`` (title, text) puts other YAML in the place of the value.
        ``on_key`` means the key instead of the value."""
        document = self.document
        if document is None:
            return Diagnostic(code, severity, message, hint=hint)
        start, end = self.offsets(place)
        key = document.key_at(place[0]) if on_key else None
        if key is not None:
            start, end = key.start, key.end
        mended = None
        if replace is not None:
            mended = (replace[0], [(start, end, replace[1])])
        elif fix is not None:
            edits = scalar_edits(document, fix_path or place[0], fix[1])
            mended = (fix[0], edits) if edits is not None else None
        return diagnostic_at(
            document.source,
            code,
            start,
            end,
            message,
            severity=severity,
            hint=hint,
            fix=mended,
            related=[(text, *self.offsets(other)) for text, other in related],
        )

    def offsets(self, place: Place) -> tuple[int, int]:
        """A place as offsets in the file."""
        path, start, end = place
        assert self.document is not None
        if end > start and isinstance(self.document.find(path), ScalarNode):
            return offsets_within(self.document, path, start, end)
        return place_of(self.document, path)

    def step(self, use: ReadUse, number: int) -> Place:
        """Where one step of a name stands; the whole name where it is not written with dots alone."""
        read = use.read
        node = self.document.find(use.path) if self.document is not None else None
        if isinstance(node, ScalarNode):
            before = ".".join(str(step) for step in read.path[:number])
            start = read.start + len(before) + (1 if number else 0)
            end = start + len(str(read.path[number]))
            lead = f"{before}." if number else ""
            if node.text.startswith(f"{lead}{read.path[number]}", read.start):
                return use.path, start, end
        return use.path, read.start, read.end

    def at(self, path: Path) -> Place:
        """The whole value at a path (its key, where it is a block)."""
        return path, 0, -1


def event_atoms(root: TriggerNode) -> Iterator[EventAtom | PatternAtom]:
    """The event atoms and patterns of a trigger, from left to right, those of lists included."""
    stack: list[TriggerNode] = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, (EventAtom, PatternAtom)):
            yield node
        elif isinstance(node, (And, Or)):
            stack.extend(reversed(node.operands))
        elif isinstance(node, Quantified):
            stack.extend(reversed(node.items))
        elif isinstance(node, Not):
            stack.append(node.operand)


def _gather(root: TriggerNode, events: dict[tuple[str, str], None], patterns: dict[tuple[str, str], None]) -> None:
    stack: list[TriggerNode] = [root]
    while stack:
        node = stack.pop()
        kind = type(node)
        if kind is EventAtom:
            events[node.source, node.event] = None  # type: ignore[union-attr]
        elif kind is And or kind is Or:
            stack.extend(node.operands)  # type: ignore[union-attr]
        elif kind is PatternAtom:
            patterns[node.pattern, node.event] = None  # type: ignore[union-attr]
        elif kind is Quantified:
            stack.extend(node.items)  # type: ignore[union-attr]
        elif kind is Not:
            stack.append(node.operand)  # type: ignore[union-attr]


def _add_trigger(found: list[ReadUse], node: int, role: str, trigger: TriggerExpression) -> None:
    for atom in value_atoms(trigger.root):
        for read in atom.expression.reads:
            found.append(ReadUse(node, role, read, trigger.path, atom.expression, ()))


def dotted(path: Path) -> str:
    """A name's path as it is written: ``a.b[0]``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


def listed(names: Iterable[str], most: int = 12) -> str:
    """Names for a hint, not too many."""
    some = list(names)
    return ", ".join(f"`{name}`" for name in some[:most]) + (", ..." if len(some) > most else "")


def source_place(use: EventUse) -> Place:
    """Where the source of an event stands: behind ``event:``."""
    start = use.atom.start + len("event:")
    source = use.atom.source if isinstance(use.atom, EventAtom) else use.atom.pattern
    return use.path, start, start + len(source)


def event_place(use: EventUse) -> Place:
    """Where the event's own name stands: behind the last dot."""
    return use.path, use.atom.end - len(use.atom.event), use.atom.end
