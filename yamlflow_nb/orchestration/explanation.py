"""Why an expression has the verdict that it has: the sub-expressions that made it so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from yamlflow_nb.domain.execution_plan import ERROR, FALSE, TRUE, UNKNOWN
from yamlflow_nb.domain.expression import And, Constant, EventAtom, Not, Or, PatternAtom, Quantified, TriggerNode, ValueAtom
from yamlflow_nb.orchestration.truth import counted

_INVERSE = (UNKNOWN, FALSE, TRUE, ERROR)


class Weigher:
    """Gives an expression's verdict from verdicts of its atoms, whatever world those are taken from.

    ``event(source, event)`` and ``value(atom)`` give verdicts; ``matched(pattern)`` the node ids that a pattern stands for.
    """

    def __init__(
        self,
        event: Callable[[str, str], int],
        value: Callable[[ValueAtom], int],
        matched: Callable[[str], list[str]],
    ) -> None:
        self.event = event
        self.value = value
        self.matched = matched

    def weigh(self, node: TriggerNode) -> int:
        """The four-valued verdict of an expression."""
        if isinstance(node, EventAtom):
            return self.event(node.source, node.event)
        if isinstance(node, ValueAtom):
            return self.value(node)
        if isinstance(node, Constant):
            return TRUE if node.value else FALSE
        if isinstance(node, Not):
            return _INVERSE[self.weigh(node.operand)]
        if isinstance(node, And):
            return conjunction([self.weigh(operand) for operand in node.operands])
        if isinstance(node, Or):
            return disjunction([self.weigh(operand) for operand in node.operands])
        verdicts = [self.event(source, event) for source, event in self.listed(node)]
        if isinstance(node, PatternAtom) or node.quantifier == "any":
            return disjunction(verdicts)
        if node.quantifier == "all":
            return conjunction(verdicts)
        if node.quantifier == "none":
            return _INVERSE[disjunction(verdicts)]
        true, unknown = verdicts.count(TRUE), verdicts.count(UNKNOWN)
        return counted(node.comparison or "==", node.threshold or 0, true, true + unknown)

    def listed(self, node: PatternAtom | Quantified) -> list[tuple[str, str]]:
        """The distinct event atoms that a pattern or a list stands for."""
        found: dict[tuple[str, str], None] = {}
        for item in (node,) if isinstance(node, PatternAtom) else node.items:
            if isinstance(item, EventAtom):
                found[item.source, item.event] = None
            else:
                found.update(((name, item.event), None) for name in self.matched(item.pattern))
        return list(found)

    def causes(self, node: TriggerNode, even: bool = True) -> Iterator[Cause]:
        """The leaves that gave an expression its verdict; ``even`` tells the number of ``!`` above them."""
        verdict = self.weigh(node)
        if isinstance(node, (EventAtom, ValueAtom, Constant)):
            source, event = (node.source, node.event) if isinstance(node, EventAtom) else ("", "")
            yield Cause(node, verdict, even, source, event)
        elif isinstance(node, Not):
            yield from self.causes(node.operand, not even)
        elif isinstance(node, (And, Or)):
            decisive = FALSE if isinstance(node, And) else TRUE
            for operand in node.operands:
                if verdict != decisive or self.weigh(operand) == decisive:
                    yield from self.causes(operand, even)
        else:
            yield from self._listed_causes(node, verdict, even)

    def _listed_causes(self, node: PatternAtom | Quantified, verdict: int, even: bool) -> Iterator[Cause]:
        atoms = self.listed(node)
        if verdict == UNKNOWN:
            for source, event in atoms:
                if self.event(source, event) == UNKNOWN:
                    yield Cause(node, UNKNOWN, even, source, event)
            return
        if isinstance(node, Quantified) and (node.quantifier == "none" or not self._too_few(node, verdict, atoms)):
            yield Cause(node, verdict, even, "", "")
            return
        wanted = TRUE if verdict == TRUE else FALSE
        none_yet = True
        for source, event in atoms:
            if self.event(source, event) == wanted:
                none_yet = False
                yield Cause(node, wanted, even, source, event)
        if none_yet:
            yield Cause(node, verdict, even, "", "")

    def _too_few(self, node: Quantified, verdict: int, atoms: list[tuple[str, str]]) -> bool:
        if node.quantifier != "count" or verdict != FALSE:
            return node.quantifier in ("all", "any") or verdict != FALSE
        verdicts = [self.event(source, event) for source, event in atoms]
        threshold = (node.threshold or 0) + (1 if node.comparison == ">" else 0)
        return node.comparison in (">=", ">", "==") and len(verdicts) - verdicts.count(FALSE) < threshold


class Cause(NamedTuple):
    """A leaf that decided: its verdict, whether an even number of ``!`` stands above, and for event atoms which event."""

    node: TriggerNode
    verdict: int
    even: bool
    source: str
    event: str

    def text(self) -> str:
        """How it reads: ``event:extract.completed is false``."""
        word = ("unknown", "true", "false", "an error")[self.verdict]
        if self.source:
            return f"event:{self.source}.{self.event} is {word}"
        if isinstance(self.node, ValueAtom):
            return f"{self.node.text} is {word}"
        if isinstance(self.node, Quantified):
            items = ", ".join(item.text for item in self.node.items)
            compare = f" {self.node.comparison} {self.node.threshold}" if self.node.comparison else ""
            return f"{self.node.quantifier}({items}){compare} is {word}"
        return word if isinstance(self.node, Constant) else f"{getattr(self.node, 'text', '')} is {word}"


def conjunction(verdicts: list[int]) -> int:
    """``&&``: false if any is false, else unknown if any is, else error, else true."""
    return FALSE if FALSE in verdicts else UNKNOWN if UNKNOWN in verdicts else ERROR if ERROR in verdicts else TRUE


def disjunction(verdicts: list[int]) -> int:
    """``||``: true if any is true, else unknown if any is, else error, else false."""
    return TRUE if TRUE in verdicts else UNKNOWN if UNKNOWN in verdicts else ERROR if ERROR in verdicts else FALSE
