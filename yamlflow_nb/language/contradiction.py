"""Conditions that no history can meet: events of one node that exclude each other, and constants.

A node's life ends in one of a few ways, and each way stores certain events and no others. A conjunction asks for
something impossible when no way of ending fits all that it says of one node.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from yamlflow_nb.domain.expression import (
    And,
    EventAtom,
    Not,
    Or,
    PatternAtom,
    Quantified,
    TriggerNode,
    ValueExpression,
)
from yamlflow_nb.domain.pipeline_definition import BUILT_IN_EVENTS


class _End(NamedTuple):
    """One way in which a node's life can end: the events that it stores for certain, and those that it may store."""

    certain: frozenset[str]
    possible: frozenset[str]


_ON_THE_WAY = frozenset({"started", "retrying", "waiting", "approved", "rejected", "timed_out", "*"})
_ENDS = (
    _End(frozenset({"completed", "passed", "finished"}), _ON_THE_WAY - {"timed_out"}),
    _End(frozenset({"failed", "finished"}), _ON_THE_WAY),
    _End(frozenset({"cancelled", "finished"}), _ON_THE_WAY),
    _End(frozenset({"skipped", "passed", "finished"}), frozenset()),
    _End(frozenset({"skipped", "blocked", "finished"}), frozenset()),
    _End(frozenset({"skipped", "finished"}), frozenset()),
)
_KNOWN = frozenset(BUILT_IN_EVENTS)


def fits_together(wanted: frozenset[str], refused: frozenset[str]) -> bool:
    """Whether one node can store all ``wanted`` events and none of the ``refused``.

    >>> fits_together(frozenset({"completed"}), frozenset({"failed"}))
    True
    >>> fits_together(frozenset({"completed", "failed"}), frozenset())
    False
    """
    if wanted & refused:
        return False
    kinds = frozenset(event if event in _KNOWN else "*" for event in wanted)
    return any(kinds <= end.certain | end.possible and not refused & end.certain for end in _ENDS)


class _Claims:
    """What the conjunctions around a place say of each node: the events wanted, and those refused."""

    __slots__ = ("_outer", "_said")

    def __init__(self, outer: _Claims | None = None) -> None:
        self._outer = outer
        self._said: dict[str, tuple[frozenset[str], frozenset[str]]] = {}

    def about(self, source: str) -> tuple[frozenset[str], frozenset[str]]:
        claims: _Claims | None = self
        while claims is not None:
            if source in claims._said:
                return claims._said[source]
            claims = claims._outer
        return frozenset(), frozenset()

    def add(self, source: str, event: str, want: bool) -> bool:
        """Notes one claim; False when it cannot be true beside those before it."""
        wanted, refused = self.about(source)
        if want:
            wanted |= {event}
        else:
            refused |= {event}
        self._said[source] = wanted, refused
        if source in ("pipeline", "custom"):
            return not wanted & refused
        return fits_together(wanted, refused)


def impossible_parts(root: TriggerNode) -> set[tuple[int, bool]]:
    """The parts of an expression, as ``(id, truth)``, that cannot take this truth beside what stands around them,
    when the whole is to be true."""
    if not _names_one_twice(root):
        return set()
    found: set[tuple[int, bool]] = set()
    _search(root, True, _Claims(), found)
    return found


def _names_one_twice(root: TriggerNode) -> bool:
    seen: set[str] = set()
    stack = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, (EventAtom, PatternAtom)):
            source = node.source if isinstance(node, EventAtom) else node.pattern
            if source in seen:
                return True
            seen.add(source)
        elif isinstance(node, (And, Or)):
            stack.extend(node.operands)
        elif isinstance(node, Quantified):
            stack.extend(node.items)
        elif isinstance(node, Not):
            stack.append(node.operand)
    return False


def _search(node: TriggerNode, want: bool, claims: _Claims, found: set[tuple[int, bool]]) -> None:
    """Looks at one conjunction (or one claim), with what the conjunctions around it say."""
    fits = True
    for source, event, truth in _claims_of(node, want):
        fits = claims.add(source, event, truth) and fits
    if not fits:
        found.add((id(node), want))
        return
    for choice, truth in _choices(node, want):
        operands = choice.operands if isinstance(choice, (And, Or)) else ()
        for operand in operands:
            _search(operand, truth, _Claims(claims), found)


def _parts(node: TriggerNode, want: bool) -> Iterator[tuple[TriggerNode, bool]]:
    """The parts that must all hold for a node to be ``want``, nested conjunctions opened."""
    stack = [(node, want)]
    while stack:
        part, truth = stack.pop()
        if isinstance(part, Not):
            stack.append((part.operand, not truth))
        elif isinstance(part, (And, Or)) and isinstance(part, And) is truth:
            stack.extend((operand, truth) for operand in reversed(part.operands))
        else:
            yield part, truth


def _claims_of(node: TriggerNode, want: bool) -> Iterator[tuple[str, str, bool]]:
    for part, truth in _parts(node, want):
        if isinstance(part, EventAtom):
            yield part.source, part.event, truth
        elif isinstance(part, PatternAtom) and not truth:
            yield part.pattern, part.event, False
        elif isinstance(part, Quantified):
            every = (part.quantifier == "all") is truth and part.quantifier in ("all", "any")
            every = every or (part.quantifier == "none" and truth)
            if every:
                for item in part.items:
                    yield (item.source if isinstance(item, EventAtom) else item.pattern), item.event, part.quantifier == "all"


def _choices(node: TriggerNode, want: bool) -> Iterator[tuple[TriggerNode, bool]]:
    for part, truth in _parts(node, want):
        if isinstance(part, (And, Or)):
            yield part, truth


def constant_truth(expression: ValueExpression) -> bool | None:
    """The truth of a value expression that reads no name; None when it has none (or gives no boolean)."""
    from yamlflow_nb.language.evaluation import ExpressionError, evaluate_condition

    try:
        return evaluate_condition(expression, _NoNames())
    except ExpressionError:
        return None


class _NoNames:
    """The names of an expression that reads none."""

    def lookup(self, name: str) -> Any:
        raise LookupError(name)

    lookup_now = lookup
