"""What an expression guarantees when it holds: that a node has completed, so that its outputs can be read."""

from __future__ import annotations

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
from yamlflow_nb.domain.pattern import matches
from yamlflow_nb.domain.pipeline_definition import PipelineDefinition, Recovery

_DEEPEST = 60
_MOST_STEPS = 400_000
_NEVER_RAN = frozenset({"skipped", "passed", "finished", "blocked", "failed", "cancelled"})
"""Events that say nothing about how a node came to start."""


class Guarantees:
    """Answers whether a node's having started, or a condition's holding, means that another node has completed.

    Follows ``event:b.completed`` to what made ``b`` start. Where following takes too long the answer is yes: a warning
    that is not given is better than a wrong one.
    """

    def __init__(self, definition: PipelineDefinition, starts: Sequence[TriggerExpression]) -> None:
        self._definition = definition
        self._starts = starts
        self._known: dict[tuple[int, str], bool] = {}
        self._steps = _MOST_STEPS

    def started(self, node: int, completed: str, depth: int = 0) -> bool:
        """Whether ``completed`` has completed when ``node`` starts."""
        key = (node, completed)
        known = self._known.get(key)
        if known is None:
            self._known[key] = False  # a circle guarantees nothing
            known = self._known[key] = self.implies(self._starts[node].root, True, completed, depth)
        return known

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
                type(operand) is EventAtom and truth and operand.source == completed and operand.event == "completed"
                for operand in node.operands
            ):
                return True
            answers = (self.implies(operand, truth, completed, depth) for operand in node.operands)
            return any(answers) if some else all(answers)
        if isinstance(node, PatternAtom):
            return False
        if isinstance(node, Quantified):
            return self._listed(node, truth, completed, depth)
        return False

    def _event(self, source: str, event: str, completed: str, depth: int) -> bool:
        if source == completed and event == "completed":
            return True
        index = self._definition.positions.get(source)
        if index is None or source == completed or event in _NEVER_RAN:
            return False
        if event == "completed" and isinstance(self._definition.nodes[index].onFailure, Recovery):
            return False
        return self.started(index, completed, depth + 1)

    def _listed(self, node: Quantified, truth: bool, completed: str, depth: int) -> bool:
        every = (node.quantifier == "all" and truth) or (node.quantifier == "count" and truth and _asks_for_all(node))
        if not every:
            some = (node.quantifier == "any" and truth) or (node.quantifier == "none" and not truth)
            items = node.items
            return some and all(
                isinstance(item, EventAtom) and self._event(item.source, item.event, completed, depth) for item in items
            )
        for item in node.items:
            if isinstance(item, EventAtom):
                if self._event(item.source, item.event, completed, depth):
                    return True
            elif item.event == "completed" and matches(item.pattern, completed):
                return True
        return False


def _asks_for_all(node: Quantified) -> bool:
    if any(isinstance(item, PatternAtom) for item in node.items) or node.threshold is None:
        return False
    size = len({item.text for item in node.items})
    return (node.comparison in (">=", "==") and node.threshold == size) or (node.comparison == ">" and node.threshold == size - 1)


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
