"""What a node's expressions name: the events that it waits for, the names that it reads. From these: who depends on what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from yamlflow_nb.domain.document import Path
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
)
from yamlflow_nb.domain.pattern import matching


def named_in_trigger(root: TriggerNode, ids: Iterable[str]) -> Iterator[Path]:
    """Names of a trigger, in order: ``(source, "events", event)`` of its events, the path of what its values read."""
    waiting = [root]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, EventAtom):
            yield one.source, "events", one.event
        elif isinstance(one, PatternAtom):
            yield from ((name, "events", one.event) for name in matching(one.pattern, ids))
        elif isinstance(one, ValueAtom):
            yield from (read.path for read in one.expression.reads)
        elif isinstance(one, Not):
            waiting.append(one.operand)
        elif isinstance(one, (And, Or)):
            waiting += one.operands
        elif isinstance(one, Quantified):
            waiting += one.items


def named_in_templates(templates: Iterable[BoundTemplate]) -> Iterator[Path]:
    """The paths that templates read."""
    for bound in templates:
        for expression in bound.template.expressions:
            yield from (read.path for read in expression.reads)


def named_by(node: PlannedNode, plan: ExecutionPlan) -> Iterator[Path]:
    """All that a node's life can hang on; ``title`` and ``description`` are for show."""
    for trigger in (node.start, node.skip, node.stop, node.fail, node.retry_when, node.until):
        if trigger is not None:
            yield from named_in_trigger(trigger.root, plan.index)
    yield from named_in_templates((*node.bound, *node.bound_fields, *node.recovery))
    yield from named_in_templates(one for one in (node.for_each, node.fail_message) if one is not None)
    if node.awaited is not None:
        yield node.awaited[0], "events", node.awaited[1]


def dependants(plan: ExecutionPlan, changed_nodes: Iterable[str], changed_names: Iterable[Path] = ()) -> set[str]:
    """The nodes that hang on a change, directly or through others: those in ``changed_nodes``, those that read one of
    ``changed_names``, whoever names one of these, and the finally nodes, which come after all."""
    names = list(changed_names)
    followers: dict[str, list[str]] = {}
    found = {name for name in changed_nodes if name in plan.index}
    for node in plan.nodes:
        for path in named_by(node, plan):
            if path[0] in plan.index:
                followers.setdefault(str(path[0]), []).append(node.id)
            if names and any(_meets(path, name) for name in names):
                found.add(node.id)
        if node.is_finally:
            found.add(node.id)
    waiting = list(found)
    while waiting:
        for follower in followers.get(waiting.pop(), ()):
            if follower not in found:
                found.add(follower)
                waiting.append(follower)
    return found


def _meets(path: Path, changed: Path) -> bool:
    """Whether what is read is, holds, or lies in what was changed. ``x.run.outputs`` holds all that ``x`` gave."""
    if path[:2] == (changed[0], "run"):
        return len(path) < 3 or path[2] == "outputs"
    length = min(len(path), len(changed))
    return path[:length] == changed[:length]
