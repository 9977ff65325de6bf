"""What an expression guarantees when it holds: that a node has completed, so that its outputs can be read; or that it is over."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from yamlflow_nb.domain.expression import (
    And,
    EventAtom,
    Not,
    Or,
    PatternAtom,
    Quantified,
    TriggerExpression,
    TriggerNode,
    ValueAtom,
)
from yamlflow_nb.domain.pattern import matching
from yamlflow_nb.domain.pipeline_definition import PipelineDefinition, Recovery
from yamlflow_nb.language.derivation import holding_reads

_DEEPEST = 60
_MOST_STEPS = 400_000
_NEVER_RAN = frozenset({"skipped", "passed", "finished", "blocked", "failed", "cancelled"})
"""Events that say nothing about how a node came to start."""
_COMPLETED = frozenset({"completed", "approved"})
_OVER = frozenset(
    {"completed", "approved", "rejected", "passed", "finished", "failed", "timed_out", "skipped", "cancelled", "blocked"}
)
"""Events of a node with which its names are settled."""
_MOST_MATCHED = 64


class Guarantees:
    """Answers whether a node's having started, or a condition's holding, means that another node has completed.

    Follows ``event:b.completed`` to what made ``b`` start. Where following takes too long the answer is yes: a warning
    that is not given is better than a wrong one.
    """

    def __init__(self, definition: PipelineDefinition, starts: Sequence[TriggerExpression], *, settled: bool = False) -> None:
        """``settled``: what is asked is whether the other node is over, however it went."""
        self._definition = definition
        self._settled = settled
        self._events = _OVER if settled else _COMPLETED
        self._matched: dict[str, list[str]] = {}
        self._starts = starts
        self._known: dict[tuple[int, str], bool] = {}
        self._steps = _MOST_STEPS

    def started(self, node: int, completed: str, depth: int = 0) -> bool:
        """Whether ``completed`` has completed when ``node`` starts."""
        key = (node, completed)
        known = self._known.get(key)
        if known is None:
            self._known[key] = False  # a circle guarantees nothing
            known = self._known[key] = self.implies(self._starts[node].root, True, completed, depth) or self._held(node, completed)
        return known

    def _held(self, node: int, completed: str) -> bool:
        """Whether a node is held until the other one is over, since it reads its names."""
        written = self._definition.parsed.nodes[node]
        return self._settled and any(read.path[0] == completed and read.guard != "peek" for read in holding_reads(written))

    def implies(self, node: TriggerNode, truth: bool, completed: str, depth: int = 0) -> bool:
        """Whether ``completed`` has completed when an expression has this truth."""
        self._steps -= 1
        if depth > _DEEPEST or self._steps < 0:
            return True
        if isinstance(node, EventAtom):
            return truth and self._event(node.source, node.event, completed, depth)
        if isinstance(node, Not):
            return self.implies(node.operand, not truth, completed, depth)
        if isinstance(node, (And, Or)):
            some = isinstance(node, And) is truth
            # What stands there itself is looked at first: most guards are direct.
            if some and any(
                type(operand) is EventAtom and truth and operand.source == completed and operand.event in self._events
                for operand in node.operands
            ):
                return True
            answers = (self.implies(operand, truth, completed, depth) for operand in node.operands)
            return any(answers) if some else all(answers)
        if isinstance(node, PatternAtom):
            return truth and self._any_of(node, completed, depth)
        if isinstance(node, Quantified):
            return self._listed(node, truth, completed, depth)
        return isinstance(node, ValueAtom) and self._value(node, truth, completed)

    def _any_of(self, node: PatternAtom, completed: str, depth: int) -> bool:
        """Whether each of the nodes that a pattern matches guarantees it: which of them it was is not known."""
        names = self._matching(node.pattern)
        return 0 < len(names) <= _MOST_MATCHED and all(self._event(name, node.event, completed, depth) for name in names)

    def _matching(self, pattern: str) -> list[str]:
        if pattern not in self._matched:
            self._matched[pattern] = matching(pattern, self._definition.positions)
        return self._matched[pattern]

    def _value(self, node: ValueAtom, truth: bool, completed: str) -> bool:
        """``{{ a.run.state == 'completed' }}``; to be evaluated at all it needs the names that it reads to be settled."""
        if self._settled:
            return any(read.path[0] == completed for read in node.expression.reads)
        return truth and _says_completed(node.expression.tree, completed)

    def _event(self, source: str, event: str, completed: str, depth: int) -> bool:
        if source == completed and event in self._events:
            return True
        index = self._definition.positions.get(source)
        if index is None or source == completed or event in _NEVER_RAN:
            return False
        if event == "completed" and isinstance(self._definition.nodes[index].onFailure, Recovery):
            return False
        return self.started(index, completed, depth + 1)

    def _listed(self, node: Quantified, truth: bool, completed: str, depth: int) -> bool:
        every = (node.quantifier == "all" and truth) or (node.quantifier == "count" and truth and self._asks_for_all(node))
        if not every:
            some = (node.quantifier == "any" and truth) or (node.quantifier == "none" and not truth)
            return some and all(self.implies(item, True, completed, depth) for item in node.items)
        for item in node.items:
            if isinstance(item, EventAtom):
                if self._event(item.source, item.event, completed, depth):
                    return True
            elif item.event in self._events and completed in self._matching(item.pattern):
                return True
        return False

    def _asks_for_all(self, node: Quantified) -> bool:
        if node.threshold is None:
            return False
        listed = {
            (name, item.event)
            for item in node.items
            for name in (self._matching(item.pattern) if isinstance(item, PatternAtom) else (item.source,))
        }
        least = node.threshold + (node.comparison == ">")
        return node.comparison in (">=", "==", ">") and least >= len(listed)


def _says_completed(tree: ast.expr, name: str) -> bool:
    """Whether a value that is true says so of a node: ``a.run.state == 'completed'``, alone or joined by ``and``."""
    if isinstance(tree, ast.BoolOp):
        return isinstance(tree.op, ast.And) and any(_says_completed(part, name) for part in tree.values)
    if not isinstance(tree, ast.Compare) or len(tree.ops) != 1 or not isinstance(tree.ops[0], ast.Eq):
        return False
    sides = {ast.unparse(side) for side in (tree.left, tree.comparators[0])}
    return sides == {f"{name}.run.state", "'completed'"}


def guards_around(root: TriggerNode) -> list[tuple[ValueAtom, list[tuple[TriggerNode, bool]], bool]]:
    """The value atoms of a trigger, each with what must hold beside it for its value to matter, and whether it stands under
    a ``!`` of its own. Beside an operand of ``&&`` the others are true (else all is false whatever it is); beside one of
    ``||`` they are false."""
    found: list[tuple[ValueAtom, list[tuple[TriggerNode, bool]], bool]] = []
    stack: list[tuple[TriggerNode, list[tuple[TriggerNode, bool]], bool]] = [(root, [], False)]
    while stack:
        node, around, negated = stack.pop()
        if isinstance(node, ValueAtom):
            found.append((node, around, negated))
        elif isinstance(node, Not):
            stack.append((node.operand, around, True))
        elif isinstance(node, (And, Or)):
            truth = isinstance(node, And)
            for operand in reversed(node.operands):
                if isinstance(operand, (ValueAtom, Not, And, Or)):
                    # The whole stands for its other operands; an operand never guards itself, being no event.
                    stack.append((operand, [*around, (node, truth)], False))
    return found
