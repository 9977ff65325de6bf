"""A plan → the edges of its picture: what a node waits for, or reads."""

from __future__ import annotations

from collections.abc import Iterator

from yamlflow_nb.domain.execution_plan import ExecutionPlan, PlannedNode
from yamlflow_nb.planning.dependencies import named_in_templates, named_in_trigger


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
    paths = [*named_in_trigger(node.start.root, plan.index)]
    if node.skip is not None:
        paths += named_in_trigger(node.skip.root, plan.index)
    paths += named_in_templates((*node.bound, *node.bound_fields, *((node.for_each,) if node.for_each else ())))
    yield from (str(path[0]) for path in paths)
