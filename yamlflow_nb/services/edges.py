"""A plan → the edges of its picture: what a node waits for, or reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from yamlflow_nb.domain.execution_plan import ExecutionPlan, PlannedNode
from yamlflow_nb.domain.expression import (
    And,
    BoundTemplate,
    EventAtom,
    Not,
    Or,
    PatternAtom,
    Quantified,
    TriggerNode,
    ValueAtom,
    ValueExpression,
)
from yamlflow_nb.domain.pattern import matching


def edges(plan: ExecutionPlan) -> list[tuple[str, str]]:
    """``(from, to)``, once each, in the document's order. A finally node comes after all that nothing else comes after."""
    found: dict[tuple[str, str], None] = {}
    for node in plan.nodes:
        for source in _sources(node, plan):
            if source != node.id and source in plan.index:
                found[source, node.id] = None
    followed = {source for source, _ in found}
    last = [node.id for node in plan.nodes if not node.is_finally and node.id not in followed]
    for node in plan.nodes:
        if node.is_finally:
            found.update(((source, node.id), None) for source in last)
    return list(found)


def _sources(node: PlannedNode, plan: ExecutionPlan) -> Iterator[str]:
    yield from _in_trigger(node.start.root, plan)
    if node.skip is not None:
        yield from _in_trigger(node.skip.root, plan)
    yield from _in_templates((*node.bound, *node.bound_fields, *((node.for_each,) if node.for_each else ())))


def _in_trigger(root: TriggerNode, plan: ExecutionPlan) -> Iterator[str]:
    waiting = [root]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, EventAtom):
            yield one.source
        elif isinstance(one, PatternAtom):
            yield from matching(one.pattern, plan.index)
        elif isinstance(one, ValueAtom):
            yield from _read(one.expression)
        elif isinstance(one, Not):
            waiting.append(one.operand)
        elif isinstance(one, (And, Or)):
            waiting += one.operands
        elif isinstance(one, Quantified):
            waiting += one.items


def _in_templates(templates: Iterable[BoundTemplate]) -> Iterator[str]:
    for bound in templates:
        for expression in bound.template.expressions:
            yield from _read(expression)


def _read(expression: ValueExpression) -> Iterator[str]:
    for read in expression.reads:
        yield str(read.path[0])
