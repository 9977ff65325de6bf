"""The smallest set of facts that would start a node: what ``why`` advises.

A fact is an event that happens, or does not, or a value expression that is true, or not. ``&&`` needs all of its sides, ``||`` one
of them, a count as many as it asks for. Facts that exclude each other (a node that both completes and fails) are no way. Of all
ways the one in which the fewest facts are not so yet is told; of these, those that others bring along (who completes has finished)
are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import combinations, islice, product
from typing import NamedTuple

from yamlflow_nb.domain.execution_plan import FALSE, TRUE
from yamlflow_nb.domain.expression import (
    And,
    Constant,
    EventAtom,
    NameRead,
    Not,
    Or,
    PatternAtom,
    Quantified,
    TriggerNode,
    ValueAtom,
)
from yamlflow_nb.orchestration.explanation import Weigher
from yamlflow_nb.orchestration.lifecycle import COMPLETED_EVENTS, FAILED_EVENTS, ending_events
from yamlflow_nb.orchestration.truth import counted

_MOST_WAYS = 64
"""Of the ways to a verdict so many are looked at, those with the fewest facts."""
_MOST_CHOICES = 24
_FEW = 8
"""Of lists that are longer not every choice is tried."""
_NO_NODES = frozenset({"", "custom", "pipeline"})
_ENDINGS: tuple[frozenset[str], ...] = tuple(
    frozenset(events)
    for events in (
        COMPLETED_EVENTS, ("approved", *COMPLETED_EVENTS), ("failed", "finished"), *FAILED_EVENTS.values(),
        ending_events("cancelled", None), ending_events("skipped", "unsatisfied"), ending_events("skipped", "blocked"),
        ending_events("skipped", "cancelled"),
    )
)  # fmt: skip
_OF_AN_END = frozenset[str]().union(*_ENDINGS)


class Fact(NamedTuple):
    """An event (``source``, ``name``) or, with no source, the text of a value expression; and whether it is so."""

    source: str
    name: str
    so: bool = True

    def text(self) -> str:
        """How it reads: ``event:a.completed``, ``no event:a.failed``, ``{{ a.n > 3 }}``, ``not {{ a.n > 3 }}``."""
        if self.source:
            return f"event:{self.source}.{self.name}" if self.so else f"no event:{self.source}.{self.name}"
        return self.name if self.so else f"not {self.name}"


Way = frozenset[Fact]
Needs = Callable[[NameRead], Iterable[Fact]]
"""The facts without which a name has no value."""
Never = Callable[[Fact], bool]


def never_for_a_start(fact: Fact) -> bool:
    """``startWhen`` waits for what may still be sent, so that its absence does not count while the run goes on."""
    return not fact.so and (fact.source in ("custom", "pipeline") or never_for_a_skip(fact))


def never_for_a_skip(fact: Fact) -> bool:
    """Every node has an end at last."""
    return not fact.so and fact.name == "finished" and fact.source not in _NO_NODES


class Advice:
    """Ways to a verdict. ``happened(source, event)`` tells whether an event is stored now."""

    def __init__(self, needs: Needs, happened: Callable[[str, str], bool]) -> None:
        self._needs = needs
        self._happened = happened
        self._lacking: dict[Fact, bool] = {}
        self._texts: dict[str, int] = {}

    def smallest(self, parts: Iterable[list[Way]]) -> list[str] | None:
        """The texts of what is lacking for all of several things to be so, in the order of the expressions; None where they cannot
        be so."""
        found = self.together(parts)
        if not found:
            return None
        lacking = self._to_tell(found[0])
        return [fact.text() for fact in sorted(lacking, key=lambda fact: (self._texts.get(fact.text(), 1 << 30), fact))]

    def is_lacking(self, fact: Fact) -> bool:
        """Whether a fact is not so now."""
        known = self._lacking.get(fact)
        return known if known is not None else self._happened(fact.source, fact.name) is not fact.so

    def _noted(self, fact: Fact, lacking: bool) -> Fact:
        # To ``skipWhen``, what has not been sent is false already.
        self._lacking[fact] = self._lacking.get(fact, True) and lacking
        self._texts.setdefault(fact.text(), len(self._texts))
        return fact

    def ways(self, scale: Weigher, node: TriggerNode, wanted: int = TRUE, never: Never = lambda fact: False) -> list[Way]:
        """The ways in which ``node`` would be ``wanted`` (true or false), those that lack the fewest facts first; none: it cannot
        be. ``never`` tells which facts do not come about however long one waits."""
        if isinstance(node, EventAtom):
            fact = self._of_event(scale, node.source, node.event, wanted)
            return [] if never(fact) else [frozenset({fact})]
        if isinstance(node, ValueAtom):
            fact = self._noted(Fact("", node.text, wanted == TRUE), scale.value(node) != wanted)
            return self._fewest([frozenset({fact, *(one for read in node.expression.reads for one in self._needs(read))})])
        if isinstance(node, Constant):
            return [frozenset()] if (TRUE if node.value else FALSE) == wanted else []
        if isinstance(node, Not):
            return self.ways(scale, node.operand, FALSE if wanted == TRUE else TRUE, never)
        if isinstance(node, (And, Or)):
            sides = [self.ways(scale, operand, wanted, never) for operand in node.operands]
            if isinstance(node, And) is (wanted == TRUE):
                return self.together(sides)
            return self._fewest(way for side in sides for way in side)
        return self._of_list(scale, node, wanted, never)

    def together(self, parts: Iterable[list[Way]]) -> list[Way]:
        """The ways in which all of several things would be so. What can be so in one way alone costs nothing to combine; of very
        many that can be so in several, the later ones are taken in their first."""
        sides = list(parts)
        if not all(sides):
            return []
        choosing = [side for side in sides if len(side) > 1]
        alone = (side[0] for side in (*(side for side in sides if len(side) == 1), *choosing[_MOST_CHOICES:]))
        found = self._fewest([frozenset(fact for way in alone for fact in way)])
        for side in choosing[:_MOST_CHOICES]:
            found = self._fewest(one | other for one, other in product(found, side))
        return found

    def _fewest(self, found: Iterable[Way]) -> list[Way]:
        """Of some ways those that are possible, each once; those that lack the least first."""
        possible = [way for way in dict.fromkeys(found) if _is_possible(way)]
        if len(possible) < 2:
            return possible
        lacking = {way: len(self._to_tell(way)) for way in possible}
        return sorted(possible, key=lacking.__getitem__)[:_MOST_WAYS]

    def _to_tell(self, way: Way) -> Way:
        """What of a way is lacking. Where a node is to end otherwise, also what is so now and would not be by the plainest end."""
        lacking = frozenset(fact for fact in way if self.is_lacking(fact))
        if not lacking or len(lacking) == len(way):
            return _not_brought_along(lacking)
        told, so_now = _not_brought_along(lacking), _by_node(way - lacking)
        for source, facts in _by_node(lacking).items():
            for fact in sorted(so_now.get(source, ())):
                if (fact.name in _plainest(facts)) is not fact.so:
                    facts.append(fact)
                    told |= {fact}
        return told

    def _of_event(self, scale: Weigher, source: str, event: str, wanted: int) -> Fact:
        return self._noted(Fact(source, event, wanted == TRUE), scale.event(source, event) != wanted)

    def _of_list(self, scale: Weigher, node: PatternAtom | Quantified, wanted: int, never: Never) -> list[Way]:
        """So many of the listed events as the list asks for."""
        atoms = scale.listed(node)
        comparison, number = _asked(node, len(atoms))
        if counted(comparison, number, 0, len(atoms)) == wanted:
            return [frozenset()]
        happen = [self._of_event(scale, *atom, TRUE) for atom in atoms]
        stay_away = [self._of_event(scale, *atom, FALSE) for atom in atoms]
        # Those first of which it costs the least that they happen.
        order = sorted(range(len(atoms)), key=lambda index: self.is_lacking(happen[index]) - self.is_lacking(stay_away[index]))
        fitting = [count for count in range(len(atoms) + 1) if counted(comparison, number, count, count) == wanted]
        choices = (choice for count in fitting for choice in _choices(order, count))
        found = []
        for choice in islice(choices, 4 * _MOST_WAYS):
            chosen = set(choice)
            # Where more, or fewer, would do no harm, nothing is said of the others, or of these.
            more_may = counted(comparison, number, len(chosen), len(atoms)) == wanted
            fewer_may = counted(comparison, number, 0, len(chosen)) == wanted
            here = () if fewer_may else (happen[index] for index in chosen)
            there = () if more_may else [stay_away[index] for index in range(len(atoms)) if index not in chosen]
            if not any(map(never, there)):
                found.append(frozenset((*here, *there)))
        return self._fewest(found)


def _choices(order: list[int], count: int) -> Iterator[tuple[int, ...]]:
    """Which events are to happen when so many are: every choice of a short list, of a long one the cheapest, and each one alone."""
    if len(order) <= _FEW:
        yield from combinations(order, count)
    elif count == 1:
        yield from ((index,) for index in order[:_MOST_WAYS])
    else:
        yield tuple(order[:count])


def _asked(node: PatternAtom | Quantified, total: int) -> tuple[str, int]:
    """A list as a comparison of how many of it happened."""
    if isinstance(node, PatternAtom):
        return ">=", 1
    asked = {"all": ("==", total), "any": (">=", 1), "none": ("==", 0)}
    return asked.get(node.quantifier) or (node.comparison or "==", node.threshold or 0)


# --- what can be so together -----------------------------------------------------------------------------------------------


def _by_node(way: Way) -> dict[str, list[Fact]]:
    """The facts about ends of nodes, by node."""
    found: dict[str, list[Fact]] = {}
    for fact in way:
        if fact.source not in _NO_NODES and fact.name in _OF_AN_END:
            found.setdefault(fact.source, []).append(fact)
    return found


def _is_possible(way: Way) -> bool:
    if any(fact.so and Fact(fact.source, fact.name, False) in way for fact in way):
        return False
    return all(len(facts) == 1 or not any(fact.so for fact in facts) or _endings(facts) for facts in _by_node(way).values())


def _endings(facts: Iterable[Fact]) -> list[frozenset[str]]:
    """The ends of a node in which all of these are so."""
    return [ending for ending in _ENDINGS if all((fact.name in ending) is fact.so for fact in facts)]


def _plainest(facts: Iterable[Fact]) -> frozenset[str]:
    """The end that one thinks of first: a node that fails does so by an error, one that is skipped is so by its own rule."""
    return next(iter(_endings(facts)), frozenset())


def _not_brought_along(way: Way) -> Way:
    """Without the facts that others of the same node bring along: who completes has finished, and has not failed."""
    needless: set[Fact] = set()
    for facts in _by_node(way).values():
        if len(facts) > 1:
            kept = list(facts)
            for fact in sorted(facts, key=lambda one: (one.so, one.name not in ("finished", "passed"), one)):
                rest = [one for one in kept if one != fact]
                if rest and (fact.name in _plainest(rest)) is fact.so:
                    kept = rest
            needless |= set(facts) - set(kept)
    return way - needless if needless else way
