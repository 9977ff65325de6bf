"""The default ``startWhen``: what a node that says nothing waits for, read off the names that it uses."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from yamlflow_nb.domain.expression import (
    And,
    BoundTemplate,
    EventAtom,
    NameRead,
    NodeExpressions,
    Not,
    Or,
    TriggerExpression,
    TriggerNode,
    ValueAtom,
)
from yamlflow_nb.domain.pipeline_definition import PipelineDefinition

_JOIN = " && "


def starts_of(definition: PipelineDefinition) -> list[TriggerExpression]:
    """Every node's ``startWhen`` in document order: as written, or derived. Found once a definition."""
    parsed = definition.parsed
    if parsed.starts is None:
        parsed.starts = [written.startWhen or derive_start(index, definition) for index, written in enumerate(parsed.nodes)]
    return parsed.starts


def derive_start(node_index: int, definition: PipelineDefinition) -> TriggerExpression:
    """The ``startWhen`` of a node that has none: a conjunction in document order of the nodes whose names it reads.

    By bindings, task fields, ``forEach`` and the values of ``skipWhen``: an output read as it is asks for ``completed``;
    only under ``default``, ``coalesce`` or ``defined`` for ``passed``; ``x.run.*`` (with defaults at most) for ``finished``;
    a payload ``x.events.<name>`` for ``event:x.<name>``. What stands under ``peek``, in a title or in a description asks
    for nothing. Its path is empty, its offsets count in its own text.
    """
    needs: dict[str, _Need] = {}
    own = definition.nodes[node_index].id
    positions = definition.positions
    for read in holding_reads(definition.parsed.nodes[node_index]):
        source = read.path[0] if read.path else None
        if isinstance(source, str) and source in positions and source != own and read.guard != "peek":
            needs.setdefault(source, _Need()).add(read)
    wanted = [(name, event) for name in sorted(needs, key=positions.__getitem__) for event in needs[name].events()]
    return _conjunction(wanted or [("pipeline", "started")])


def holding_reads(written: NodeExpressions) -> Iterator[NameRead]:
    """The names that hold a node until they are settled: those of its bindings, its task's fields, ``forEach`` and the
    values of ``skipWhen``, in this order; also those under ``peek``."""
    for bound in holding_templates(written):
        for expression in bound.template.expressions:
            yield from expression.reads
    if written.skipWhen is not None:
        for atom in value_atoms(written.skipWhen.root):
            yield from atom.expression.reads


def holding_templates(written: NodeExpressions) -> Iterable[BoundTemplate]:
    """The templates whose names hold a node."""
    if written.for_each is None:
        return (*written.bindings, *written.fields, *written.cache) if written.fields or written.cache else written.bindings
    return (*written.bindings, *written.fields, *written.cache, written.for_each)


def value_atoms(root: TriggerNode) -> Iterator[ValueAtom]:
    """The ``{{ }}`` of a trigger, from left to right."""
    stack = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, ValueAtom):
            yield node
        elif isinstance(node, (And, Or)):
            stack.extend(reversed(node.operands))
        elif isinstance(node, Not):
            stack.append(node.operand)


class _Need:
    """How one node's names are read, all readings taken together."""

    __slots__ = ("emitted", "guarded", "plain", "run")

    def __init__(self) -> None:
        self.plain = self.guarded = self.run = False
        self.emitted: dict[str, None] = {}

    def add(self, read: NameRead) -> None:
        member = read.path[1] if len(read.path) > 1 else None
        if member == "run":
            self.run = True
        elif read.guard == "default":
            self.guarded = True
        elif member == "events" and len(read.path) > 2:
            self.emitted[str(read.path[2])] = None
        else:
            self.plain = True

    def events(self) -> list[str]:
        if self.plain:
            state = ["completed"]
        elif self.run:
            state = ["finished"]
        else:
            state = ["passed"] if self.guarded else []
        return state + list(self.emitted)


def _conjunction(wanted: list[tuple[str, str]]) -> TriggerExpression:
    atoms: list[EventAtom] = []
    position = 0
    for source, event in wanted:
        end = position + len(source) + len(event) + len("event:.")
        atoms.append(EventAtom(source, event, position, end))
        position = end + len(_JOIN)
    text = _JOIN.join(atom.text for atom in atoms)
    return TriggerExpression(text, atoms[0] if len(atoms) == 1 else And(tuple(atoms), 0, len(text)))
