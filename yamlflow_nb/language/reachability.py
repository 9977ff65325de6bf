"""Which nodes can start at all, which are finally nodes, and who waits for whom in a circle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from yamlflow_nb.domain.expression import (
    And,
    EventAtom,
    Not,
    Or,
    Quantified,
    TriggerExpression,
    TriggerNode,
    ValueAtom,
)
from yamlflow_nb.domain.pipeline_definition import PipelineDefinition
from yamlflow_nb.language.circles import Circle, Hindrance, find_circles, find_hindrances
from yamlflow_nb.language.derivation import holding_templates, starts_of
from yamlflow_nb.language.possibility import Possibilities, settle


@dataclass
class Reachability:
    """What is possible in a definition. Disabled nodes count among those that can start: they are a wish, not a mistake."""

    can_start: set[str]
    finally_nodes: set[str]
    circles: list[Circle] = field(default_factory=list)
    hindrances: dict[str, list[Hindrance]] = field(default_factory=dict)
    """By node that can never start: what keeps it from starting."""
    dead: list[str] = field(default_factory=list)
    """The nodes that can never start, in document order."""


def analyse(definition: PipelineDefinition, starts: Sequence[TriggerExpression]) -> Reachability:
    """The least fixed point over ``starts`` (one a node, in document order) and holding names, ``||`` being a choice.

    Finally nodes are those whose ``startWhen`` names ``pipeline.finishing`` or ``system.outcome``, and those that can
    start with these but not when ``pipeline.finishing`` never comes and finally nodes never run.
    """
    named = {index for index, start in enumerate(starts) if names_the_end(start)}
    late = _starts_late(definition, starts, named)
    possible, views = settle(definition, starts, frozenset(late))
    nodes = definition.nodes
    started = {node.id for index, node in enumerate(nodes) if possible.can_start(index)}
    found = Reachability(started, {nodes[index].id for index in late})
    definition.parsed.finally_nodes = frozenset(found.finally_nodes)
    dead = [index for index in range(len(nodes)) if not possible.can_start(index)]
    if dead:
        found.dead = [nodes[index].id for index in dead]
        hindrances = {index: find_hindrances(index, definition, starts, views.get(index, possible)) for index in dead}
        found.hindrances = {nodes[index].id: hindrances[index] for index in dead}
        found.circles = find_circles(definition, hindrances)
    return found


def finally_nodes_of(definition: PipelineDefinition) -> frozenset[str]:
    """The finally nodes of a definition: as its check found them, else found now."""
    parsed = definition.parsed
    if parsed.finally_nodes is None:
        analyse(definition, starts_of(definition))
        assert parsed.finally_nodes is not None
    return parsed.finally_nodes


def _starts_late(definition: PipelineDefinition, starts: Sequence[TriggerExpression], named: set[int]) -> set[int]:
    """The finally nodes: of those that can start, the ones that cannot before ``pipeline.finishing``."""
    if not named and not _holds_for_outcome(definition):
        return set()
    before = Possibilities(definition, starts, finishing=False, barred=frozenset(named), free_patterns=True)
    later = [index for index in range(len(starts)) if index not in named and not before.can_start(index)]
    if not later:
        return named
    at_all = Possibilities(definition, starts, free_patterns=True)
    return named | {index for index in later if at_all.can_start(index)}


def _holds_for_outcome(definition: PipelineDefinition) -> bool:
    """Whether a node may be held by ``system.outcome``, or by ``pipeline.finishing`` in its ``skipWhen``."""
    for written in definition.parsed.nodes:
        if written.skipWhen is not None and names_the_end(written.skipWhen):
            return True
        for template in holding_templates(written):
            if "outcome" in template.template.text and any(
                read.path[:2] == ("system", "outcome") for expression in template.template.expressions for read in expression.reads
            ):
                return True
    return False


def names_the_end(expression: TriggerExpression) -> bool:
    """Whether a trigger names ``event:pipeline.finishing`` or reads ``system.outcome``."""
    # Most texts hold neither word: a look at the text saves the walk over a long expression.
    if "finishing" not in expression.text and "outcome" not in expression.text:
        return False
    stack: list[TriggerNode] = [expression.root]
    while stack:
        node = stack.pop()
        if isinstance(node, EventAtom):
            if node.source == "pipeline" and node.event == "finishing":
                return True
        elif isinstance(node, ValueAtom):
            if any(read.path[:2] == ("system", "outcome") for read in node.expression.reads):
                return True
        elif isinstance(node, (And, Or)):
            stack.extend(node.operands)
        elif isinstance(node, Not):
            stack.append(node.operand)
        elif isinstance(node, Quantified):
            stack.extend(node.items)
    return False
