"""What nodes can do at all: the least fixed point of "can start" and "can become terminal", in linear time.

An expression that may turn true (or false) once enough of its atoms may is a gate with a counter, as in Dowling and
Gallier's test of Horn formulae (1984): each atom that becomes possible is counted once at each place that names it.
Nothing is possible until shown so; what waits for itself in a circle therefore never is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from yamlflow_nb.domain.expression import (
    And,
    Constant,
    EventAtom,
    NodeExpressions,
    Not,
    Or,
    PatternAtom,
    Quantified,
    TriggerExpression,
    TriggerNode,
    ValueAtom,
    ValueExpression,
)
from yamlflow_nb.domain.pattern import matching
from yamlflow_nb.domain.pipeline_definition import PipelineDefinition, Recovery
from yamlflow_nb.language.contradiction import constant_truth, impossible_parts
from yamlflow_nb.language.derivation import holding_templates, value_atoms

ALWAYS, NEVER = -1, -2
_TRIALS = 50_000
"""How many nodes ``settle`` looks at again in all, before it believes the rest: only broken or knotted pipelines get there."""
WITHOUT_START = frozenset({"skipped", "finished", "passed", "cancelled", "blocked"})
"""Events that a node can store although it never started."""


def is_disabled(start: TriggerExpression, skip: TriggerExpression | None) -> bool:
    """``startWhen: false`` or ``skipWhen: true``: a person's wish, not a mistake."""
    return _is_constant(start.root, False) or (skip is not None and _is_constant(skip.root, True))


def _is_constant(node: TriggerNode, value: bool) -> bool:
    return isinstance(node, Constant) and node.value is value


class MatchedNodes:
    """The nodes that one pattern stands for, and how many of them can start, or become terminal."""

    __slots__ = ("counts", "members", "waiting")

    def __init__(self, members: frozenset[int]) -> None:
        self.members = members
        self.counts = [0, 0]
        self.waiting: dict[tuple[int, int], list[int]] = {}


class Possibilities:
    """Runs the fixed point over all nodes of a definition.

    ``finishing=False`` asks what is possible before ``pipeline.finishing``: then ``barred`` nodes (finally nodes) never do
    anything, being terminal asks for being able to start, and patterns, which match no finally node, are always possible.
    ``unmatched`` names the nodes that patterns do not match. A disabled node counts as possible: what waits for it is
    the author's wish.
    """

    def __init__(
        self,
        definition: PipelineDefinition,
        starts: Sequence[TriggerExpression],
        *,
        finishing: bool = True,
        barred: frozenset[int] = frozenset(),
        unmatched: frozenset[int] = frozenset(),
        free_patterns: bool = False,
        never: frozenset[int] = frozenset(),
        base: Possibilities | None = None,
        without: int = -1,
    ) -> None:
        self._definition = definition
        self._starts = starts
        self._finishing = finishing
        self._barred = barred
        self._free_patterns = free_patterns
        self._never = never
        self._without = without
        self._answered = False
        self.positions = definition.positions
        self._candidates = [node.id for index, node in enumerate(definition.nodes) if index not in unmatched]
        self.impossible: dict[int, set[tuple[int, bool]]] = {}
        self._patterns: dict[str, MatchedNodes] = {}
        self._patterns_of: dict[int, list[MatchedNodes]] = {}
        self._failing: dict[tuple[str, str, bool], list[int]] = {}
        self._waiting: dict[int, list[int]] = {}
        self._need: list[int] = []
        self._goal: list[int] = []
        self._ready: list[int] = []
        if base is None:
            # Key 2i: node i can start; key 2i+1: node i can become terminal. The last two are for questions afterwards.
            self._done = bytearray(2 * len(starts) + 2)
            self._start_all(range(len(starts)))
            self.stuck = [index for index in range(len(starts)) if not self._done[2 * index] and index not in barred]
            self._first = bytes(self._done) if self.stuck and finishing else b""
        else:
            self._members = {pattern: found.members for pattern, found in base._patterns.items()}
            self._done = bytearray(base._first)
            self.stuck, self._first = base.stuck, base._first
            self._start_all(self.stuck)
        if finishing:
            self._end_all(self.stuck)

    _members: Mapping[str, frozenset[int]] = {}

    def can_start(self, index: int) -> bool:
        return self._answered if index == self._without else self._done[2 * index] == 1

    def can_end(self, index: int) -> bool:
        """Whether it can become terminal without a person's help."""
        return self._done[2 * index + 1] == 1

    def requirement(self, source: str, event: str, want: bool, owner: int = -1) -> int:
        """The key that makes an event atom possible, or ``ALWAYS`` or ``NEVER``."""
        index = self.positions.get(source)
        if index is None:
            if source != "pipeline":
                return ALWAYS
            if event == "finishing":
                return ALWAYS if want and self._finishing else NEVER
            return ALWAYS if want or event != "started" else NEVER
        if index == owner:
            return NEVER
        if want:
            if event in WITHOUT_START:
                return 2 * index + 1 if self._finishing else 2 * index
            if event in ("failed", "timed_out") and isinstance(self._definition.nodes[index].onFailure, Recovery):
                return NEVER
            return 2 * index
        if event == "finished":
            return NEVER
        return 2 * index + 1 if self._finishing else 2 * index

    def ended(self, index: int, owner: int) -> int:
        """The key that makes the names of a node settled."""
        if index == owner:
            return NEVER
        return 2 * index + 1 if self._finishing else 2 * index

    def matched(self, pattern: str) -> MatchedNodes:
        """The nodes of a pattern, matched once."""
        found = self._patterns.get(pattern)
        if found is None:
            members = self._members.get(pattern)
            if members is None:
                members = frozenset(self.positions[name] for name in matching(pattern, self._candidates))
            found = MatchedNodes(members)
            self._patterns[pattern] = found
            for index in found.members:
                self._patterns_of.setdefault(index, []).append(found)
                for bit in (0, 1):
                    found.counts[bit] += self._done[2 * index + bit]
        return found

    def failing(self, item: PatternAtom, want: bool) -> list[int]:
        """The nodes of a pattern whose event can never be ``want``; asked after the fixed point, kept."""
        key = (item.pattern, item.event, want)
        found = self._failing.get(key)
        if found is None:
            nodes = self._definition.nodes
            found = self._failing[key] = [
                index
                for index in sorted(self.matched(item.pattern).members)
                if not self.is_possible(self.requirement(nodes[index].id, item.event, want))
            ]
        return found

    def is_possible(self, key: int) -> bool:
        return key == ALWAYS or (key >= 0 and self._done[key] == 1)

    def can_be(self, node: TriggerNode, want: bool, owner: int) -> bool:
        """Whether a part of a node's expression can become ``want``, asked after the fixed point."""
        question = len(self._starts) * 2
        self._done[question] = 0
        self._connect(node, want, -question - 1, owner)
        self._drain()
        return self._done[question] == 1

    @staticmethod
    def constant_is(expression: ValueExpression, want: bool) -> bool:
        """Whether a value expression without names can be ``want``."""
        return constant_truth(expression) in (None, want)

    # Building -----------------------------------------------------------------------------------------------------

    def _start_all(self, indices: Iterable[int]) -> None:
        """What can start when nothing is ever skipped on the way: for nearly every pipeline that is all there is to know."""
        for index in indices:
            if index in self._barred:
                continue
            written = self._definition.parsed.nodes[index]
            if is_disabled(self._starts[index], written.skipWhen):
                self._ready.append(-2 * index - 1)
            else:
                self._add_start(index, self._starts[index], written)
            self._drain()

    def _end_all(self, indices: Iterable[int]) -> None:
        """How the rest may become terminal without having started."""
        for index in indices:
            if self._done[2 * index + 1]:
                continue
            written = self._definition.parsed.nodes[index]
            root = self._starts[index].root
            if written.stopWhen is not None:
                self._ready.append(-2 * index - 2)
            else:
                self._connect(root, False, -2 * index - 2, index)
                if written.skipWhen is not None:
                    both = self._gate(2, -2 * index - 2)
                    self._connect(root, True, both, index)
                    self._connect(written.skipWhen.root, True, both, index)
            self._drain()

    def _add_start(self, index: int, start: TriggerExpression, written: NodeExpressions) -> None:
        holds = self._holds(index, written)
        root = start.root
        skip = written.skipWhen
        if skip is None and not holds:
            goal = -2 * index - 1
        else:
            goal = self._gate(1 + len(holds) + (skip is not None), -2 * index - 1)
            for key in holds:
                self._await(key, goal)
            if skip is not None:
                self._connect(skip.root, False, goal, index)
        if not self._simple(index, root, goal):
            impossible = impossible_parts(root)
            if impossible:
                self.impossible[index] = impossible
            self._connect(root, True, goal, index)

    def _holds(self, index: int, written: NodeExpressions) -> list[int]:
        """The keys that the node's holding names ask for."""
        keys: dict[int, None] = {}
        for bound in holding_templates(written):
            for expression in bound.template.expressions:
                for read in expression.reads:
                    if read.guard != "peek":
                        self._add_read(read.path, index, keys)
        if written.skipWhen is not None:
            for atom in value_atoms(written.skipWhen.root):
                for read in atom.expression.reads:
                    self._add_read(read.path, index, keys)
        return list(keys)

    def _add_read(self, path: tuple[str | int, ...], owner: int, keys: dict[int, None]) -> None:
        source = self.positions.get(str(path[0])) if path else None
        if source is not None:
            keys[self.ended(source, owner)] = None
        elif path[:2] == ("system", "outcome") and not self._finishing:
            keys[NEVER] = None

    def _simple(self, index: int, root: TriggerNode, goal: int) -> bool:
        """Handles a conjunction of events of different nodes, by far the most frequent, without walking it again."""
        operands: Sequence[TriggerNode]
        if type(root) is EventAtom:
            operands = (root,)
        elif type(root) is And:
            operands = root.operands
        else:
            return False
        keys = []
        sources = set()
        done = self._done
        requirement = self.requirement
        for operand in operands:
            if type(operand) is not EventAtom:
                return False
            sources.add(operand.source)
            key = requirement(operand.source, operand.event, True, index)
            if key != ALWAYS and (key == NEVER or not done[key]):
                keys.append(key)
        if len(sources) < len(operands):
            return False
        if not keys:
            self._ready.append(goal)
        else:
            gate = goal if len(keys) == 1 else self._gate(len(keys), goal)
            for key in keys:
                self._await(key, gate)
        return True

    def _connect(self, node: TriggerNode, want: bool, goal: int, owner: int) -> None:
        """Reaches ``goal`` when the expression can become ``want``."""
        impossible = self.impossible.get(owner)
        if impossible and (id(node), want) in impossible:
            return
        if isinstance(node, EventAtom):
            self._await(self.requirement(node.source, node.event, want, owner), goal)
        elif isinstance(node, Constant):
            if node.value is want:
                self._ready.append(goal)
        elif isinstance(node, Not):
            self._connect(node.operand, not want, goal, owner)
        elif isinstance(node, (And, Or)):
            gate = self._gate(len(node.operands) if isinstance(node, And) is want else 1, goal)
            for operand in node.operands:
                self._connect(operand, want, gate, owner)
        elif isinstance(node, ValueAtom):
            self._connect_value(node, want, goal, owner)
        elif isinstance(node, PatternAtom):
            self._at_least(1 if want else None, (node,), want, goal, owner)
        else:
            self._connect_quantified(node, want, goal, owner)

    def _connect_value(self, node: ValueAtom, want: bool, goal: int, owner: int) -> None:
        if not node.expression.reads:
            truth = constant_truth(node.expression)
            if truth is None or truth is want:
                self._ready.append(goal)
            return
        keys: dict[int, None] = {}
        for read in node.expression.reads:
            self._add_read(read.path, owner, keys)
        if not keys:
            self._ready.append(goal)
            return
        gate = self._gate(len(keys), goal)
        for key in keys:
            self._await(key, gate)

    def _connect_quantified(self, node: Quantified, want: bool, goal: int, owner: int) -> None:
        items = node.items
        if node.quantifier == "all":
            self._at_least(None if want else 1, items, want, goal, owner)
        elif node.quantifier in ("any", "none"):
            wanted = want is (node.quantifier == "any")
            self._at_least(1 if wanted else None, items, wanted, goal, owner)
        else:
            items = self.distinct(items, owner)
            for at_least, at_most in count_ranges(node, want):
                self._between(at_least, at_most, items, goal, owner)

    def _between(
        self, at_least: int, at_most: int | None, items: tuple[EventAtom | PatternAtom, ...], goal: int, owner: int
    ) -> None:
        """Reaches ``goal`` when the number of true items can lie in the range."""
        if at_most is not None and (at_most < 0 or at_most < at_least):
            return
        if at_most is None:
            self._at_least(at_least, items, True, goal, owner)
            return
        gate = self._gate(2, goal)
        self._at_least(at_least, items, True, gate, owner)
        self._at_least(max(0, self.size(items, owner) - at_most), items, False, gate, owner)

    def distinct(self, items: tuple[EventAtom | PatternAtom, ...], owner: int) -> tuple[EventAtom | PatternAtom, ...]:
        """A list without what another item of it stands for: an event is counted once."""
        once = {item.text: item for item in items}
        patterns = [item for item in once.values() if isinstance(item, PatternAtom)]
        if len(once) == len(items) and (not patterns or len(patterns) == len(items)):
            return items

        def covered(item: EventAtom | PatternAtom) -> bool:
            at = self.positions.get(item.source) if isinstance(item, EventAtom) else None
            members = (self.matched(other.pattern).members for other in patterns if other.event == item.event)
            return at is not None and at != owner and any(at in found for found in members)

        return tuple(item for item in once.values() if not covered(item))

    def size(self, items: tuple[EventAtom | PatternAtom, ...], owner: int) -> int:
        """How many atoms a list stands for."""
        total = 0
        for item in items:
            if isinstance(item, PatternAtom):
                members = self.matched(item.pattern).members
                total += len(members) - (owner in members)
            else:
                total += 1
        return total

    def _at_least(self, number: int | None, items: tuple[EventAtom | PatternAtom, ...], want: bool, goal: int, owner: int) -> None:
        """Reaches ``goal`` when at least ``number`` items (None: all) can become ``want``."""
        if number is not None and number <= 0:
            self._ready.append(goal)
        elif len(items) == 1 and isinstance(items[0], PatternAtom):
            self._await_pattern(number, items[0], want, goal, owner)
        elif number is None or number == 1:
            gate = self._gate(len(items) if number is None else 1, goal)
            for item in items:
                if isinstance(item, PatternAtom):
                    self._await_pattern(number, item, want, gate, owner)
                else:
                    self._await(self.requirement(item.source, item.event, want, owner), gate)
        else:
            gate = self._gate(number, goal)
            for source, event in self.listed(items, owner):
                self._await(self.requirement(source, event, want, owner), gate)

    def listed(self, items: tuple[EventAtom | PatternAtom, ...], owner: int) -> dict[tuple[str, str], None]:
        """The distinct atoms that a list stands for."""
        atoms: dict[tuple[str, str], None] = {}
        nodes = self._definition.nodes
        for item in items:
            if isinstance(item, EventAtom):
                atoms[item.source, item.event] = None
            else:
                for index in sorted(self.matched(item.pattern).members):
                    if index != owner:
                        atoms[nodes[index].id, item.event] = None
        return atoms

    def _await_pattern(self, number: int | None, item: PatternAtom, want: bool, goal: int, owner: int) -> None:
        if self._free_patterns:
            self._ready.append(goal)
            return
        if not want and item.event == "finished":
            return
        found = self.matched(item.pattern)
        size = len(found.members) - (owner in found.members)
        threshold = size if number is None else number
        bit = 1 if not want or item.event in WITHOUT_START else 0
        # A pattern without nodes is another check's finding.
        if size == 0 or found.counts[bit] >= threshold:
            self._ready.append(goal)
        else:
            found.waiting.setdefault((bit, threshold), []).append(goal)

    # Propagating --------------------------------------------------------------------------------------------------

    def _gate(self, need: int, goal: int) -> int:
        self._need.append(need)
        self._goal.append(goal)
        return len(self._need) - 1

    def _await(self, key: int, goal: int) -> None:
        if key == ALWAYS or (key >= 0 and self._done[key]):
            self._ready.append(goal)
        elif key >= 0:
            self._waiting.setdefault(key, []).append(goal)

    def _reach(self, goal: int) -> None:
        self._ready.append(goal)
        self._drain()

    def _drain(self) -> None:
        """Counts down what is ready. Goals from 0 are gates; goal ``-k - 1`` is key ``k``."""
        ready, need, goal_of = self._ready, self._need, self._goal
        while ready:
            goal = ready.pop()
            if goal >= 0:
                need[goal] -= 1
                if need[goal] == 0:
                    ready.append(goal_of[goal])
                continue
            key = -goal - 1
            if self._done[key] or self._withheld(key):
                continue
            self._done[key] = 1
            if key % 2 == 0:
                ready.append(-key - 2)  # what can start can end
            ready.extend(self._waiting.pop(key, ()))
            for found in self._patterns_of.get(key >> 1, ()):
                bit = key & 1
                found.counts[bit] += 1
                ready.extend(found.waiting.pop((bit, found.counts[bit]), ()))

    def _withheld(self, key: int) -> bool:
        index = key >> 1
        if index == self._without:
            self._answered = self._answered or key % 2 == 0
            return True
        return index in self._never and key % 2 == 0


def settle(
    definition: PipelineDefinition, starts: Sequence[TriggerExpression], unmatched: frozenset[int]
) -> tuple[Possibilities, dict[int, Possibilities]]:
    """The fixed point, and for nodes that would have to be skipped before they could start, what is possible without them.

    ``a`` waits for ``b.completed``; ``b`` for ``c.completed && a.finished``: ``a`` can end by being skipped, but only once
    ``b`` was skipped. A node that starts was pending until then, so it must be able to start when nothing is had from it.
    """
    never: set[int] = set()
    views: dict[int, Possibilities] = {}
    budget = _TRIALS
    while True:
        whole = Possibilities(definition, starts, unmatched=unmatched, never=frozenset(never))
        before = len(never)
        for index in whole.stuck:
            if not whole.can_start(index):
                continue
            budget -= len(whole.stuck)
            if budget < 0:
                break
            trial = Possibilities(definition, starts, unmatched=unmatched, never=frozenset(never), base=whole, without=index)
            if not trial.can_start(index):
                never.add(index)
                views[index] = trial
        if len(never) == before or budget < 0:
            return whole, views


def count_ranges(node: Quantified, want: bool) -> list[tuple[int, int | None]]:
    """The ranges (from, to, both inclusive; None: no upper end) of true items that give a ``count`` the wanted truth."""
    number = node.threshold or 0
    ranges: dict[str, list[tuple[int, int | None]]] = {
        ">=": [(number, None)],
        ">": [(number + 1, None)],
        "<": [(0, number - 1)],
        "<=": [(0, number)],
        "==": [(number, number)],
        "!=": [(0, number - 1), (number + 1, None)],
    }
    opposite = {">=": "<", ">": "<=", "<": ">=", "<=": ">", "==": "!=", "!=": "=="}
    comparison = node.comparison or ">="
    return ranges[comparison if want else opposite[comparison]]
