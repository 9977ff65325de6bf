"""What is known of each expression: four-valued verdicts kept by counters as facts settle.

A gate counts its inputs by verdict; an input that changes costs one step on each gate above it, and stops where the
verdict stays. Event atoms settle once a round; the value atoms of ``stopWhen`` follow the latest values and may change.
"""

from __future__ import annotations

from collections.abc import Callable

from yamlflow_nb.domain.execution_plan import (
    AND,
    COUNT,
    ERROR,
    FALSE,
    HOLD,
    NOT,
    OR,
    PIPELINE,
    ROOT,
    TRUE,
    UNKNOWN,
    VALUE,
    VOLATILE,
    Network,
)

_INVERSE = (UNKNOWN, FALSE, TRUE, ERROR)


class Truth:
    """The verdicts of one execution in one round.

    ``evaluate(gate)`` gives the verdict of a value gate whose names are settled (or, for ``stopWhen``, as they are now).
    ``dirty`` holds the indexes of nodes to look at; the pipeline is ``PIPELINE``.
    """

    __slots__ = ("_counts", "_evaluate", "_network", "_open", "dirty", "of_atom", "of_gate")

    def __init__(self, network: Network, evaluate: Callable[[int], int]) -> None:
        self._network = network
        self._evaluate = evaluate
        self.of_atom = [UNKNOWN] * len(network.feeds)
        self.of_gate = [UNKNOWN] * len(network.kind)
        self._open = list(network.arity)
        self._counts: dict[int, list[int]] = {}
        self.dirty: set[int] = set()

    def begin(self) -> None:
        """Settle what is known from the start: constants, and value atoms that read inputs alone."""
        network = self._network
        self.settle(0, TRUE)
        self.settle(1, FALSE)
        for atom in network.expected:
            self.settle(atom, FALSE)
        for gate, kind in enumerate(network.kind):
            if kind == VOLATILE or (kind == VALUE and network.arity[gate] == 0):
                self.reconsider(gate)
            elif kind == COUNT or (network.arity[gate] == 0 and kind in (AND, OR)):
                # A comparison may be certain before anything happens: one event is never there twice.
                verdict = self._counted(gate)
                if verdict != UNKNOWN and self.of_gate[gate] == UNKNOWN:
                    self._move(gate, verdict, UNKNOWN)

    def settle(self, atom: int, verdict: int) -> None:
        """An atom becomes known (one read as ``now:`` may also turn from false to true)."""
        old = self.of_atom[atom]
        if old == verdict:
            return
        self.of_atom[atom] = verdict
        for gate in self._network.feeds[atom]:
            self._feed(gate, old, verdict)

    def reconsider(self, gate: int) -> None:
        """Evaluate a value gate again: a name that it reads has changed."""
        if self._network.kind[gate] == VALUE and self._open[gate]:
            return
        old = self.of_gate[gate]
        self._move(gate, self._evaluate(gate), old)

    def held(self, gate: int) -> bool:
        """Whether a hold gate still waits for a fact."""
        return self._open[gate] > 0

    def _feed(self, gate: int, old: int, new: int) -> None:
        """One input of a gate changed."""
        kind = self._network.kind[gate]
        before = self.of_gate[gate]
        if kind == ROOT:
            verdict = new
        elif kind in (HOLD, VALUE):
            if old != UNKNOWN:
                return
            self._open[gate] -= 1
            if self._open[gate]:
                return
            if kind == HOLD:
                self.dirty.add(self._network.owner[gate])
                return
            verdict = self._evaluate(gate)
        elif kind == NOT:
            verdict = _INVERSE[new]
        else:
            counts = self._counts.get(gate)
            if counts is None:
                counts = self._counts[gate] = [self._network.arity[gate], 0, 0, 0]
            counts[old] -= 1
            counts[new] += 1
            if kind == AND:
                verdict = FALSE if counts[FALSE] else UNKNOWN if counts[UNKNOWN] else ERROR if counts[ERROR] else TRUE
            elif kind == OR:
                verdict = TRUE if counts[TRUE] else UNKNOWN if counts[UNKNOWN] else ERROR if counts[ERROR] else FALSE
            else:
                verdict = self._counted(gate)
        if verdict != before:
            self._move(gate, verdict, before)

    def _move(self, gate: int, verdict: int, before: int) -> None:
        """A gate's verdict changed: tell the gates above it, or mark the node to be looked at."""
        if verdict == before:
            return
        network = self._network
        self.of_gate[gate] = verdict
        parent = network.parent[gate]
        if parent >= 0:
            self._feed(parent, before, verdict)
        elif network.kind[gate] == ROOT:
            self.dirty.add(network.owner[gate])
        else:
            for shared in network.shared_parents.get(gate, ()):
                self._feed(shared, before, verdict)

    def _counted(self, gate: int) -> int:
        network = self._network
        kind = network.kind[gate]
        unknown, true, false, _ = self._counts.get(gate) or [network.arity[gate], 0, 0, 0]
        if kind == AND:
            return TRUE if not unknown and not false else FALSE if false else UNKNOWN
        if kind == OR:
            return FALSE if not unknown and not true else TRUE if true else UNKNOWN
        comparison, number = network.threshold[gate]
        return counted(comparison, number, true, true + unknown)


def counted(comparison: str, number: int, least: int, most: int) -> int:
    """The verdict of ``count(...) comparison number`` when between ``least`` and ``most`` of the listed are true in the end."""
    if comparison == ">=":
        return TRUE if least >= number else FALSE if most < number else UNKNOWN
    if comparison == "<":
        return _INVERSE[counted(">=", number, least, most)]
    if comparison == ">":
        return counted(">=", number + 1, least, most)
    if comparison == "<=":
        return _INVERSE[counted(">=", number + 1, least, most)]
    if comparison == "!=":
        return _INVERSE[counted("==", number, least, most)]
    return FALSE if number < least or number > most else TRUE if least == most else UNKNOWN


__all__ = ["PIPELINE", "Truth", "counted"]
