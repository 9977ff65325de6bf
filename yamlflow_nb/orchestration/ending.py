"""How an execution ends: what stops it early, who still keeps it waiting, the finally nodes, its outputs."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

from yamlflow_nb.domain.decision import FinishExecution
from yamlflow_nb.domain.execution_plan import ERROR, FALSE, SKIP, START, TRUE, UNKNOWN
from yamlflow_nb.domain.expression import And, Constant, EventAtom, NameRead, Not, Or, Quantified, Template, TriggerNode, ValueAtom
from yamlflow_nb.language.evaluation import AbsentError, ExpressionError, render
from yamlflow_nb.orchestration.execution_state import ExecutionState, NodeRun, event_verdict
from yamlflow_nb.orchestration.explanation import Weigher
from yamlflow_nb.orchestration.judgement import evaluated, is_settled, locate, matched_by, weigher
from yamlflow_nb.orchestration.leaving import cancel, reason_of, skip
from yamlflow_nb.orchestration.lifecycle import ACTIVE
from yamlflow_nb.orchestration.truth import counted
from yamlflow_nb.orchestration.visible_names import StateNames
from yamlflow_nb.planning.network import settling_fact

REASONS = {
    "cancelled": "cancelled",
    "stopWhen": "cancelled",
    "timeout": "timeout",
    "onFailure": "onFailure",
    "expression": "expression",
    "concurrency": "cancelled",
}
"""What ended the execution early → the reason given to its nodes."""


def halt(state: ExecutionState, cause: str, everything: bool = False) -> None:
    """Stop early: pending nodes are skipped and active ones cancelled, but not finally and ``always`` nodes (unless
    ``everything``). A stop ends a pause: what is still to run must be able to. Of an execution that was held nothing runs."""
    reason = REASONS[cause]
    if state.halted is None or REASONS[cause] == "cancelled":
        state.halted = cause
    everything = everything or state.held
    state.paused = state.held = False
    for run in state.order:
        if not everything and (run.planned.is_finally or run.planned.always):
            continue
        if run.state == "pending":
            skip(state, run, reason, [])
        elif run.state in ACTIVE:
            cancel(state, run, reason)


def approach(state: ExecutionState) -> bool:
    """Nothing is active: wait for people or events, begin finishing, or end. True when something was decided."""
    if not state.finishing:
        if keeps_waiting(state):
            return False
        _begin_finishing(state)
        return True
    if not state.closed:
        # The run ends: custom events that have not come will not come.
        state.closed = True
        for event in list(state.plan.network.atoms_of.get("custom", ())):
            state.settle("custom", event, FALSE)
        return True
    rest = [run for run in state.order if run.state == "pending"]
    for run in rest:
        reason, because = _why_still_pending(state, run)
        skip(state, run, reason, because)
    _finish(state)
    return True


def _begin_finishing(state: ExecutionState) -> None:
    state.finishing = True
    state.outcome = outcome(state)
    state.set_value("system", "outcome", state.outcome)
    state.store("pipeline", "finishing", {"outcome": state.outcome})
    state.pipeline_events.add("finishing")
    reasons = [
        (run, _why_still_pending(state, run)) for run in state.order if run.state == "pending" and not run.planned.is_finally
    ]
    state.settle("pipeline", "finishing", TRUE)
    for event in ("paused", "resumed"):
        state.settle("pipeline", event, FALSE)
    state.names_changed("system")
    for run, (reason, because) in reasons:
        skip(state, run, reason, because)


def outcome(state: ExecutionState) -> str:
    """The final state as it stands."""
    if state.refused is not None:
        return state.refused.status
    if state.halted in ("cancelled", "stopWhen"):
        return "cancelled"
    failed = any(run.state == "failed" and not run.ignored for run in state.order)
    return "failed" if failed or state.halted in ("timeout", "onFailure", "expression") else "completed"


def _why_still_pending(state: ExecutionState, run: NodeRun) -> tuple[str, list[str]]:
    """Why a node that never started is skipped at the end: what is still unknown of its expression counts as false."""
    now = weigher(state, run.index)

    def settled(source: str, event: str) -> int:
        verdict = now.event(source, event)
        return FALSE if verdict == UNKNOWN else verdict

    def value(atom: ValueAtom) -> int:
        verdict = now.value(atom)
        return FALSE if verdict == UNKNOWN else verdict

    root = run.planned.start.root
    supposed = Weigher(settled, value, now.matched)
    if supposed.weigh(root) != FALSE:
        return "unsatisfied", [f"still waiting for {', '.join(waits_for(state, run)) or 'what can no longer come'}"]
    reason, because = reason_of(state, supposed.causes(root))
    unknown = [cause.text() for cause in now.causes(root) if cause.verdict == UNKNOWN]
    return reason, because if not unknown else [f"still waited: {text}" for text in unknown[:20]]


def waits_for(state: ExecutionState, run: NodeRun) -> list[str]:
    """The facts that a pending node waits for: ``custom.go``, ``extract.completed``."""
    planned = run.planned
    if state.truth.of_gate[state.plan.network.roots[START][run.index]] == UNKNOWN:
        facts = _unknown_facts(state, weigher(state, run.index), planned.start.root)
    else:
        facts = [fact for fact in planned.holds if event_verdict(state, *fact) == UNKNOWN]
        if planned.skip is not None:
            facts = [*_unknown_facts(state, weigher(state, run.index), planned.skip.root), *facts]
    return list(dict.fromkeys(f"{source}.{event}" for source, event in facts))


def _unknown_facts(state: ExecutionState, scale: Weigher, root: TriggerNode) -> list[tuple[str, str]]:
    """The facts that keep an expression unknown."""
    if scale.weigh(root) != UNKNOWN:
        return []
    found: list[tuple[str, str]] = []
    for cause in scale.causes(root):
        if cause.verdict == UNKNOWN and cause.source:
            found.append((cause.source, cause.event))
        elif cause.verdict == UNKNOWN and isinstance(cause.node, ValueAtom):
            facts = [settling_fact(read, state.plan.index) for read in cause.node.expression.reads if read.guard != "peek"]
            found += [fact for fact in facts if fact is not None and scale.event(*fact) == UNKNOWN]
    return found


# --- who keeps it waiting ------------------------------------------------------------------------------------------


def keeps_waiting(state: ExecutionState) -> bool:
    """Whether a custom event could still settle a node's expression, or what holds it.

    Judged with ``pipeline.finishing`` taken as false and finally nodes as never running. One node that events can settle by
    themselves is enough: whoever could be settled through others waits behind such a one, and circles of waiting never do.
    """
    if not state.plan.network.atoms_of.get("custom"):
        return False
    # The node that kept it waiting last time is looked at first: with many pending ones each event would cost a look at all.
    for index in chain(range(state.kept_by, len(state.order)), range(state.kept_by)):
        run = state.order[index]
        if run.state == "pending" and not run.planned.is_finally and _can_be_settled(state, run):
            state.kept_by = index
            return True
    return False


def _can_be_settled(state: ExecutionState, run: NodeRun) -> bool:
    network, verdicts = state.plan.network, state.truth.of_gate
    start = verdicts[network.roots[START][run.index]]
    if start == UNKNOWN:
        supposed = _supposing(state, run)
        root = run.planned.start.root
        return supposed.weigh(root) == UNKNOWN and bool(_Possible(state, run).verdicts(root))
    skip = network.roots[SKIP][run.index]
    if run.planned.skip is not None and verdicts[skip] == UNKNOWN:
        root = run.planned.skip.root
        return _supposing(state, run, now=True).weigh(root) == UNKNOWN and bool(_Possible(state, run).verdicts(root, now=True))
    return False


def _supposing(state: ExecutionState, run: NodeRun, now: bool = False) -> Weigher:
    """Verdicts with ``pipeline.finishing`` false and finally nodes never running."""
    known = weigher(state, run.index, now=now)

    def event(source: str, name: str) -> int:
        verdict = known.event(source, name)
        if verdict == UNKNOWN and (source == "pipeline" or (source in state.nodes and state.nodes[source].planned.is_finally)):
            return FALSE
        return verdict

    def value(atom: ValueAtom) -> int:
        verdict = known.value(atom)
        late = verdict == UNKNOWN and all(is_settled(state, read) or _is_late(state, read) for read in atom.expression.reads)
        return evaluated(state, atom) if late else verdict

    return Weigher(event, value, known.matched)


def _is_late(state: ExecutionState, read: NameRead) -> bool:
    """Whether a name is settled by finishing, or by a finally node."""
    if read.path[0] == "system":
        return True
    run = state.nodes.get(str(read.path[0]))
    return run is not None and run.planned.is_finally


class _Possible:
    """Which final verdicts an expression may still take when custom events come, or stay away, as they like."""

    def __init__(self, state: ExecutionState, run: NodeRun) -> None:
        self._state = state
        self._matched = matched_by(state, run.index)
        self._value = _supposing(state, run).value

    def _event(self, source: str, event: str, now: bool = False) -> frozenset[int]:
        verdict = event_verdict(self._state, source, event)
        if verdict != UNKNOWN:
            return frozenset({verdict})
        if source == "custom":
            return frozenset({TRUE, FALSE}) if now else frozenset({TRUE})
        if source == "pipeline" or self._state.nodes[source].planned.is_finally:
            return frozenset({FALSE})
        return frozenset()

    def _known(self, read: NameRead) -> bool:
        fact = settling_fact(read, self._state.plan.index)
        return fact is None or read.guard == "peek" or bool(self._event(*fact))

    def verdicts(self, node: TriggerNode, now: bool = False) -> frozenset[int]:
        """The reachable final verdicts; empty: none."""
        if isinstance(node, EventAtom):
            return self._event(node.source, node.event, now)
        if isinstance(node, Constant):
            return frozenset({TRUE if node.value else FALSE})
        if isinstance(node, ValueAtom):
            verdict = self._value(node)
            if verdict != UNKNOWN:
                return frozenset({verdict})
            return frozenset({TRUE, FALSE, ERROR}) if all(self._known(read) for read in node.expression.reads) else frozenset()
        if isinstance(node, Not):
            swap = {TRUE: FALSE, FALSE: TRUE, ERROR: ERROR}
            return frozenset(swap[verdict] for verdict in self.verdicts(node.operand, now))
        if isinstance(node, (And, Or)):
            return _combined([self.verdicts(operand, now) for operand in node.operands], isinstance(node, And))
        atoms = [
            self._event(source, event, now) for source, event in Weigher(lambda *_: 0, lambda _: 0, self._matched).listed(node)
        ]
        quantifier = getattr(node, "quantifier", "any")
        if isinstance(node, Quantified) and node.quantifier == "count":
            return _countable(atoms, node.comparison or "==", node.threshold or 0)
        combined = _combined(atoms, quantifier == "all")
        return frozenset({TRUE: FALSE, FALSE: TRUE}[verdict] for verdict in combined) if quantifier == "none" else combined


def _countable(atoms: list[frozenset[int]], comparison: str, number: int) -> frozenset[int]:
    """The reachable verdicts of a ``count`` from those of its atoms; an atom that has none stays unknown."""
    least = sum(atom == {TRUE} for atom in atoms)
    free = sum(len(atom) > 1 for atom in atoms)
    never = sum(not atom for atom in atoms)
    found = {counted(comparison, number, least + extra, least + extra + never) for extra in range(free + 1)}
    return frozenset(found - {UNKNOWN})


def _combined(parts: Iterable[frozenset[int]], conjunction: bool) -> frozenset[int]:
    """The reachable verdicts of ``&&`` (or ``||``) from those of its sides."""
    decisive, neutral = (FALSE, TRUE) if conjunction else (TRUE, FALSE)
    sides = list(parts)
    found: set[int] = set()
    if any(decisive in side for side in sides):
        found.add(decisive)
    if all(neutral in side for side in sides):
        found.add(neutral)
    if any(ERROR in side for side in sides) and all(neutral in side or ERROR in side for side in sides):
        found.add(ERROR)
    return frozenset(found)


# --- the end -------------------------------------------------------------------------------------------------------


def _finish(state: ExecutionState) -> None:
    """The final state, the pipeline's outputs, the last event."""
    status = outcome(state)
    reason = state.halted if status != "completed" else None
    if status == "failed" and reason is None:
        reason = "error"
    for name, template in state.plan.outputs.items():
        try:
            state.outputs[name] = render(template, StateNames(state)) if isinstance(template, Template) else template
        except ExpressionError as error:
            if status != "completed" or _left_out(state, error):
                continue
            status, reason = "failed", "outputs"
            state.error = locate(state, ("outputs", name), error.problem)
    if state.error is None and status == "failed":
        state.error = next((run.error for run in state.order if run.state == "failed" and not run.ignored), None)
    state.ended, state.reason = status, reason
    payload: dict[str, Any] = {"outputs": dict(state.outputs)} | ({"reason": reason} if reason else {})
    state.store("pipeline", status, payload)
    state.pipeline_events.add(status)
    for timer in list(state.timers):
        state.drop_timer(timer)
    state.decide(FinishExecution(status, reason, dict(state.outputs)))


def _left_out(state: ExecutionState, error: ExpressionError) -> bool:
    """An output that cannot be had because its producer was skipped without being blocked."""
    producer = error.absent.producer if isinstance(error, AbsentError) else None
    run = state.nodes.get(producer) if producer else None
    return run is not None and run.state == "skipped" and run.reason != "blocked"
