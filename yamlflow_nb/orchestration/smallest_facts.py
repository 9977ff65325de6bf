"""The smallest set of facts that would give an expression the verdict that is wanted: what ``why`` advises.

Each atom is one fact; what is so already costs nothing. ``&&`` needs all of its sides, ``||`` the cheapest, a count as many as
it asks for. Whether the facts can come together is not asked: who reads them sees that.
"""

from __future__ import annotations

from itertools import accumulate

from yamlflow_nb.domain.execution_plan import FALSE, TRUE
from yamlflow_nb.domain.expression import And, Constant, EventAtom, Not, Or, PatternAtom, Quantified, TriggerNode, ValueAtom
from yamlflow_nb.orchestration.explanation import Weigher
from yamlflow_nb.orchestration.truth import counted

Facts = list[str]


def smallest_facts(scale: Weigher, node: TriggerNode, wanted: int = TRUE) -> Facts | None:
    """What would have to be so for ``node`` to be ``wanted`` (true or false); None where nothing could make it so."""
    if isinstance(node, EventAtom):
        return _of_event(scale, node.source, node.event, wanted)
    if isinstance(node, ValueAtom):
        return [] if scale.value(node) == wanted else [node.text if wanted == TRUE else f"not {node.text}"]
    if isinstance(node, Constant):
        return [] if (TRUE if node.value else FALSE) == wanted else None
    if isinstance(node, Not):
        return smallest_facts(scale, node.operand, FALSE if wanted == TRUE else TRUE)
    if isinstance(node, (And, Or)):
        sides = [smallest_facts(scale, operand, wanted) for operand in node.operands]
        possible = [side for side in sides if side is not None]
        if isinstance(node, And) is (wanted == TRUE):
            return None if len(possible) < len(sides) else list(dict.fromkeys(fact for side in possible for fact in side))
        return min(possible, key=len, default=None)
    return _of_list(scale, node, wanted)


def _of_event(scale: Weigher, source: str, event: str, wanted: int) -> Facts:
    if scale.event(source, event) == wanted:
        return []
    return [f"event:{source}.{event}" if wanted == TRUE else f"no event:{source}.{event}"]


def _of_list(scale: Weigher, node: PatternAtom | Quantified, wanted: int) -> Facts | None:
    """So many of the listed events as the list asks for, those first that cost least."""
    atoms = scale.listed(node)
    comparison, number = _asked(node, len(atoms))
    happen = [_of_event(scale, *atom, TRUE) for atom in atoms]
    stay_away = [_of_event(scale, *atom, FALSE) for atom in atoms]
    order = sorted(range(len(atoms)), key=lambda index: len(happen[index]) - len(stay_away[index]))
    costs = accumulate((len(happen[index]) - len(stay_away[index]) for index in order), initial=0)
    fitting = [(cost, count) for count, cost in enumerate(costs) if counted(comparison, number, count, count) == wanted]
    if not fitting:
        return None
    chosen = set(order[: min(fitting)[1]])
    return [fact for index in range(len(atoms)) for fact in (happen if index in chosen else stay_away)[index]]


def _asked(node: PatternAtom | Quantified, total: int) -> tuple[str, int]:
    """A list as a comparison of how many of it happened."""
    if isinstance(node, PatternAtom):
        return ">=", 1
    asked = {"all": ("==", total), "any": (">=", 1), "none": ("==", 0)}
    return asked.get(node.quantifier) or (node.comparison or "==", node.threshold or 0)
