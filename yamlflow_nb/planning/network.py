"""Which fact wakes which node: expressions compiled into atoms and the gates that they feed.

The counters on gates are those of Dowling and Gallier's linear-time test of Horn formulae (1984), extended to four
values: an atom that settles is propagated once along each occurrence, never by a scan of pending nodes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from yamlflow_nb.domain.execution_plan import (
    AND,
    COUNT,
    HELD,
    HOLD,
    NOT,
    OR,
    PIPELINE,
    ROOT,
    SKIP,
    START,
    STOP,
    VALUE,
    VOLATILE,
    Network,
)
from yamlflow_nb.domain.expression import (
    And,
    Constant,
    EventAtom,
    NameRead,
    Not,
    Or,
    PatternAtom,
    Quantified,
    TriggerExpression,
    TriggerNode,
    ValueAtom,
)
from yamlflow_nb.domain.pattern import matches, matching

_LATE = {("pipeline", "paused"), ("pipeline", "resumed")}


def settling_fact(read: NameRead, ids: dict[str, int]) -> tuple[str, str] | None:
    """The atom that must be known before a name is settled; None where the name is settled from the start."""
    path = read.path
    root = str(path[0])
    if root == "custom" and len(path) > 1:
        return "custom", str(path[1])
    if root == "system":
        return ("pipeline", "finishing") if len(path) > 1 and path[1] == "outcome" else None
    if root not in ids:
        return None
    if len(path) > 2 and path[1] == "events":
        return root, str(path[2])
    return root, "finished"


class NetworkBuilder:
    """Compiles the expressions of nodes, one after the other, into one network."""

    def __init__(self, ids: dict[str, int], finally_nodes: Collection[str]) -> None:
        self.network = Network()
        self._ids = ids
        self._by_index = list(ids)
        self._names = [name for name in ids if name not in finally_nodes]
        self._matched: dict[str, list[str]] = {}
        self._shared: dict[tuple[object, ...], int] = {}
        self.atom("", "true")
        self.atom("", "false")
        for role in self.network.roots:
            role.extend([-1] * len(ids))

    def atom(self, source: str, event: str, now: bool = False) -> int:
        network = self.network
        key = (source, f"now:{event}" if now else event)
        number = network.atoms.get(key)
        if number is None:
            number = network.atoms[key] = len(network.feeds)
            network.feeds.append([])
            network.atoms_of.setdefault(source, {})[key[1]] = number
            if now:
                network.expected.append(number)
        return number

    def matched(self, pattern: str, owner: int) -> list[str]:
        """The ids that a pattern stands for in a node: neither its own nor those of finally nodes."""
        found = self._matched.get(pattern)
        if found is None:
            found = self._matched[pattern] = matching(pattern, self._names)
        return found if owner == PIPELINE else [name for name in found if self._ids[name] != owner]

    def add_trigger(self, expression: TriggerExpression, owner: int, role: int) -> None:
        """Compile one ``startWhen``, ``skipWhen`` or ``stopWhen``."""
        root = self._gate(ROOT, -1, 1, owner, role)
        if owner == PIPELINE:
            self.network.pipeline_stop = root
        else:
            self.network.roots[role][owner] = root
        self._connect(expression.root, root, expression, owner, role)

    def add_holds(self, facts: Sequence[tuple[str, str]], owner: int) -> None:
        """The facts that must be known before the node's names are settled."""
        root = self._gate(HOLD, -1, len(facts), owner, HELD)
        self.network.roots[HELD][owner] = root
        for source, event in facts:
            self.network.feeds[self.atom(source, event)].append(root)

    def _gate(self, kind: int, parent: int, arity: int, owner: int, role: int) -> int:
        network = self.network
        network.kind.append(kind)
        network.parent.append(parent)
        network.arity.append(arity)
        network.owner.append(owner)
        network.role.append(role)
        return len(network.kind) - 1

    def _connect(self, node: TriggerNode, parent: int, whole: TriggerExpression, owner: int, role: int) -> None:
        network = self.network
        if isinstance(node, EventAtom):
            network.feeds[self._event(node.source, node.event, role)].append(parent)
        elif isinstance(node, Constant):
            network.feeds[0 if node.value else 1].append(parent)
        elif isinstance(node, Not):
            self._connect(node.operand, self._gate(NOT, parent, 1, owner, role), whole, owner, role)
        elif isinstance(node, (And, Or)):
            gate = self._gate(AND if isinstance(node, And) else OR, parent, len(node.operands), owner, role)
            for operand in node.operands:
                self._connect(operand, gate, whole, owner, role)
        elif isinstance(node, ValueAtom):
            self._value(node, parent, whole, owner, role)
        elif isinstance(node, PatternAtom):
            self._many(OR, (node,), None, parent, owner, role)
        else:
            self._quantified(node, parent, owner, role)

    def _event(self, source: str, event: str, role: int) -> int:
        late = source == "custom" or (source, event) in _LATE
        return self.atom(source, event, now=role == SKIP and late)

    def _value(self, node: ValueAtom, parent: int, whole: TriggerExpression, owner: int, role: int) -> None:
        reads = node.expression.reads
        facts = [] if role == STOP else _facts(reads, self._ids, with_custom=role != SKIP)
        gate = self._gate(VOLATILE if role == STOP else VALUE, parent, len(facts), owner, role)
        self.network.expression[gate] = node.expression
        self.network.trigger[gate] = whole
        for source, event in facts:
            self.network.feeds[self.atom(source, event)].append(gate)
        if role != START:
            watched = {
                f"custom.{read.path[1]}" if read.path[0] == "custom" and len(read.path) > 1 else str(read.path[0]) for read in reads
            }
            for name in sorted(watched):
                if role == STOP or name.startswith("custom."):
                    self.network.watchers.setdefault(name, []).append(gate)

    def _quantified(self, node: Quantified, parent: int, owner: int, role: int) -> None:
        if node.quantifier == "all":
            self._many(AND, node.items, None, parent, owner, role)
        elif node.quantifier == "any":
            self._many(OR, node.items, None, parent, owner, role)
        elif node.quantifier == "none":
            inverse = self._gate(NOT, parent, 1, owner, role)
            self._many(OR, node.items, None, inverse, owner, role)
        else:
            assert node.comparison is not None and node.threshold is not None
            self._many(COUNT, node.items, (node.comparison, node.threshold), parent, owner, role)

    def _many(
        self,
        kind: int,
        items: Iterable[EventAtom | PatternAtom],
        threshold: tuple[str, int] | None,
        parent: int,
        owner: int,
        role: int,
    ) -> None:
        """A gate over listed atoms. Expressions that say the same of the same nodes share one gate."""
        items = tuple(items)
        own = any(isinstance(item, PatternAtom) and self._is_own(item.pattern, owner) for item in items)
        key = (kind, tuple(item.text for item in items), threshold, role == SKIP, owner if own else PIPELINE)
        gate = self._shared.get(key)
        if gate is None:
            atoms = self._listed(items, owner if own else PIPELINE, role)
            gate = self._shared[key] = self._gate(kind, -1, len(atoms), PIPELINE, role)
            self.network.shared_parents[gate] = []
            if threshold is not None:
                self.network.threshold[gate] = threshold
            for atom in atoms:
                self.network.feeds[atom].append(gate)
        self.network.shared_parents[gate].append(parent)

    def _is_own(self, pattern: str, owner: int) -> bool:
        return owner != PIPELINE and matches(pattern, self._by_index[owner])

    def _listed(self, items: Iterable[EventAtom | PatternAtom], owner: int, role: int) -> list[int]:
        """The distinct atoms of a list; a pattern stands for all that it matches."""
        atoms: dict[int, None] = {}
        for item in items:
            if isinstance(item, EventAtom):
                atoms[self._event(item.source, item.event, role)] = None
            else:
                for name in self.matched(item.pattern, owner):
                    atoms[self.atom(name, item.event)] = None
        return list(atoms)


def _facts(reads: Iterable[NameRead], ids: dict[str, int], with_custom: bool) -> list[tuple[str, str]]:
    facts: dict[tuple[str, str], None] = {}
    for read in reads:
        fact = None if read.guard == "peek" else settling_fact(read, ids)
        if fact is not None and (with_custom or fact[0] != "custom"):
            facts[fact] = None
    return list(facts)


def holding_facts(reads: Iterable[NameRead], ids: dict[str, int]) -> tuple[tuple[str, str], ...]:
    """What must be known before a node that reads these names may start; custom payloads hold nothing."""
    return tuple(_facts(reads, ids, with_custom=False))
