"""Why a node can never start: what it waits for in vain, and the circles in which nodes wait for each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from yamlflow_nb.domain.document import Path
from yamlflow_nb.domain.expression import (
    And,
    Constant,
    EventAtom,
    NameRead,
    NodeExpressions,
    Not,
    Or,
    PatternAtom,
    Quantified,
    TriggerExpression,
    TriggerNode,
    ValueAtom,
)
from yamlflow_nb.domain.pipeline_definition import PipelineDefinition
from yamlflow_nb.language.derivation import holding_templates, value_atoms
from yamlflow_nb.language.possibility import NEVER, Possibilities, count_ranges

_ENOUGH = 20
"""Of the nodes of one pattern that are waited for in vain, so many are followed."""

Place = tuple[Path, int, int]
"""A path in the document and two offsets in the text of the scalar there."""


class Hindrance(NamedTuple):
    """One thing that keeps a node from starting: another node that never gets there, or a condition that cannot be met."""

    waits_for: int | None
    """Index of the node that is waited for in vain; None when the condition itself is impossible."""
    place: Place
    text: str
    """The part of the expression, or the name, that never comes true."""
    kind: str = "waits"
    """``waits``, ``contradiction``, ``constant``, ``count`` or ``event``."""


class Step(NamedTuple):
    """One step of a circle: a node, and where it says that it waits for the next."""

    node: str
    place: Place


class Circle(NamedTuple):
    """Nodes that wait for each other, in the order of waiting; the last waits for the first."""

    steps: tuple[Step, ...]

    @property
    def text(self) -> str:
        """``a -> b -> a``"""
        return " -> ".join([*(step.node for step in self.steps), self.steps[0].node])


def find_hindrances(
    index: int, definition: PipelineDefinition, starts: Sequence[TriggerExpression], possible: Possibilities
) -> list[Hindrance]:
    """What keeps one node from starting, in the order of its text."""
    written = definition.parsed.nodes[index]
    search = _Search(index, possible)
    start = starts[index]
    if start.path:
        search.trigger(start)
    search.holds(written)
    if written.skipWhen is not None:
        search.trigger(written.skipWhen, want=False)
    if not start.path and not search.found:
        search.trigger(start)
    return search.found


class _Search:
    """Walks the expressions of one node and gathers the parts that can never be had."""

    def __init__(self, index: int, possible: Possibilities) -> None:
        self._index = index
        self._possible = possible
        self._path: Path = ()
        self.found: list[Hindrance] = []

    def trigger(self, expression: TriggerExpression, want: bool = True) -> None:
        self._path = expression.path or ("nodes", self._index)
        self._visit(expression.root, want)

    def holds(self, written: NodeExpressions) -> None:
        for bound in holding_templates(written):
            self._path = bound.place
            for expression in bound.template.expressions:
                self._reads(expression.reads)
        if written.skipWhen is not None:
            self._path = written.skipWhen.path
            for atom in value_atoms(written.skipWhen.root):
                self._reads(atom.expression.reads)

    def _reads(self, reads: Sequence[NameRead]) -> bool:
        """Notes the names that are never settled; True when there are some."""
        some = False
        for read in reads:
            if read.guard == "peek" or not read.path:
                continue
            source = self._possible.positions.get(str(read.path[0]))
            if source is not None and not self._possible.is_possible(self._possible.ended(source, self._index)):
                text = ".".join(str(step) for step in read.path)
                self.found.append(Hindrance(source, (self._path, read.start, read.end), text))
                some = True
        return some

    def _visit(self, node: TriggerNode, want: bool) -> bool:
        """Notes why a part can never be ``want``; True when it cannot."""
        impossible = self._possible.impossible.get(self._index, set())
        if (id(node), want) in impossible:
            self._note(None, node, "contradiction")
            return True
        if isinstance(node, EventAtom):
            return self._event(node, node.source, node.event, want)
        if isinstance(node, Not):
            return self._visit(node.operand, not want)
        if isinstance(node, (And, Or)):
            return self._operands(node, want)
        if isinstance(node, Constant):
            if node.value is not want:
                self._note(None, node, "constant")
            return node.value is not want
        if isinstance(node, ValueAtom):
            return self._value(node, want)
        return self._listed(node, want)

    def _operands(self, node: And | Or, want: bool) -> bool:
        before = len(self.found)
        verdicts = [self._visit(operand, want) for operand in node.operands]
        never = any(verdicts) if isinstance(node, And) is want else all(verdicts)
        if not never:
            del self.found[before:]
        return never

    def _value(self, node: ValueAtom, want: bool) -> bool:
        if node.expression.reads:
            return self._reads(node.expression.reads)
        never = not self._possible.constant_is(node.expression, want)
        if never:
            self._note(None, node, "constant")
        return never

    def _event(self, node: TriggerNode, source: str, event: str, want: bool) -> bool:
        key = self._possible.requirement(source, event, want, self._index)
        if self._possible.is_possible(key):
            return False
        target = self._possible.positions.get(source)
        own = target == self._index
        self._note(target if key != NEVER or own else None, node, "waits" if key != NEVER or own else "event", want)
        return True

    def _listed(self, node: PatternAtom | Quantified, want: bool) -> bool:
        if self._possible.can_be(node, want, self._index):
            return False
        if isinstance(node, Quantified):
            items, counted = node.items, node.quantifier == "count"
            wishes = (True, False) if counted else (want is not (node.quantifier == "none"),)
        else:
            items, counted, wishes = (node,), False, (want,)
        before = len(self.found)
        for item in items:
            for wish in wishes:
                if isinstance(item, EventAtom):
                    self._event(node, item.source, item.event, wish)
                else:
                    for target in self._possible.failing(item, wish)[:_ENOUGH]:
                        if target != self._index:
                            self.found.append(Hindrance(target, self._place(node), item.text))
        size = self._possible.size(self._possible.distinct(items, self._index) if counted else items, self._index)
        out_of_reach = isinstance(node, Quantified) and counted and not _within_reach(node, want, size)
        waits = [] if out_of_reach else [hindrance for hindrance in self.found[before:] if hindrance.waits_for is not None]
        self.found[before:] = waits or [Hindrance(None, self._place(node), str(size), "count")]
        return True

    def _place(self, node: TriggerNode) -> Place:
        return self._path, node.start, node.end

    def _note(self, target: int | None, node: TriggerNode, kind: str, want: bool = True) -> None:
        text = node.text if isinstance(node, (EventAtom, PatternAtom, ValueAtom)) else ""
        self.found.append(Hindrance(target, self._place(node), text if want or not text else f"!{text}", kind))


def _within_reach(node: Quantified, want: bool, size: int) -> bool:
    """Whether some number of true items out of ``size`` gives a ``count`` the wanted truth."""
    return any(max(low, 0) <= (size if high is None else min(size, high)) for low, high in count_ranges(node, want))


def find_circles(definition: PipelineDefinition, hindrances: Mapping[int, Sequence[Hindrance]]) -> list[Circle]:
    """One shortest circle out of every knot of nodes that wait for each other, in document order."""
    edges = {
        index: {found.waits_for: found for found in reversed(some) if found.waits_for in hindrances}
        for index, some in hindrances.items()
    }
    circles = []
    for knot in _knots({index: list(targets) for index, targets in edges.items()}):
        walk = _shortest(min(knot), edges, knot)
        if walk:
            following = [*walk[1:], walk[0]]
            steps = (Step(definition.nodes[a].id, edges[a][b].place) for a, b in zip(walk, following))
            circles.append(Circle(tuple(steps)))
    return sorted(circles, key=lambda circle: definition.positions[circle.steps[0].node])


def _shortest(first: int, edges: Mapping[int, Mapping[int | None, Hindrance]], knot: set[int]) -> list[int]:
    """The shortest walk inside a knot from a node back to itself."""
    came: dict[int, int] = {}
    frontier = [first]
    while frontier:
        following = []
        for node in frontier:
            for target in edges[node]:
                if target == first:
                    walk = [node]
                    while walk[-1] != first:
                        walk.append(came[walk[-1]])
                    return walk[::-1]
                if target is not None and target in knot and target not in came:
                    came[target] = node
                    following.append(target)
        frontier = following
    return []


def _knots(edges: Mapping[int, list[int | None]]) -> Iterator[set[int]]:
    """Strongly connected components with a circle in them (Tarjan, without recursion)."""
    number: dict[int, int] = {}
    low: dict[int, int] = {}
    stack: list[int] = []
    on_stack: set[int] = set()
    for root in edges:
        if root in number:
            continue
        work = [(root, iter(edges[root]))]
        number[root] = low[root] = len(number)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, targets = work[-1]
            for target in targets:
                if target is None:
                    continue
                if target not in number:
                    number[target] = low[target] = len(number)
                    stack.append(target)
                    on_stack.add(target)
                    work.append((target, iter(edges[target])))
                    break
                if target in on_stack:
                    low[node] = min(low[node], number[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == number[node]:
                    knot = set()
                    while node not in knot:
                        member = stack.pop()
                        on_stack.discard(member)
                        knot.add(member)
                    if len(knot) > 1 or node in edges[node]:
                        yield knot
