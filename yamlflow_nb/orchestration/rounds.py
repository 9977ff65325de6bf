"""``retry``: the next round of the same execution. What runs again forgets its events; the rest keeps its outputs."""

from __future__ import annotations

from yamlflow_nb.domain.event import RetryRequested
from yamlflow_nb.domain.execution_plan import FALSE, TRUE, UNKNOWN
from yamlflow_nb.domain.expression import ValueAtom
from yamlflow_nb.orchestration import place
from yamlflow_nb.orchestration.execution_state import ExecutionState, Fan, NodeRun
from yamlflow_nb.orchestration.explanation import Weigher
from yamlflow_nb.orchestration.judgement import weigher
from yamlflow_nb.orchestration.lifecycle import TERMINAL
from yamlflow_nb.orchestration.truth import Truth

SKIPPED_BY_A_STOP = frozenset({"cancelled", "timeout", "onFailure", "expression"})


def open_round(state: ExecutionState, fact: RetryRequested) -> None:
    """Begin the next round of an ended execution; nothing happens where nothing is to run again."""
    again = running_again(state, fact)
    if state.ended is None or not again:
        return
    state.round += 1
    state.insisted = frozenset(fact.with_nodes)
    state.ended, state.reason, state.error, state.halted, state.outcome = None, None, None, None, None
    state.finishing = state.closed = state.paused = False
    for name in state.custom:
        state.drop_values(f"custom.{name}")
    state.set_values("system", {**state.system, "round": state.round})
    state.outputs, state.custom, state.refused = {}, {}, None
    state.pipeline_events = {"started"}
    for name in again:
        _reset(state, state.nodes[name], fact.failed_items)
    state.active = state.open = 0
    state.ready.clear()
    state.room_asked.clear()
    rebuild_truth(state)
    place.hold_again(state)
    if state.plan.timeout and not state.held:
        state.set_timer("pipeline", None, None, fact.at + state.plan.timeout)
    for name in again:
        state.turn.changed[name] = None


def running_again(state: ExecutionState, fact: RetryRequested) -> list[str]:
    """The nodes of the next round, in document order."""
    chosen = fact.nodes or tuple(run.planned.id for run in state.order if run.state in ("failed", "cancelled"))
    again = {name for name in (*chosen, *fact.with_nodes) if name in state.nodes}
    if fact.failed_items:
        again |= {run.planned.id for run in state.order if run.fan is not None and run.fan.failed}
    stopped = state.halted is not None
    if not again and not stopped:
        return []
    if stopped:
        again |= {run.planned.id for run in state.order if run.state == "skipped" and run.reason in SKIPPED_BY_A_STOP}
    changed = True
    while changed:
        changed = False
        for run in state.order:
            if run.planned.id not in again and _was_decided_by(state, run, again):
                again.add(run.planned.id)
                changed = True
    again |= {run.planned.id for run in state.order if run.planned.is_finally}
    return [run.planned.id for run in state.order if run.planned.id in again]


def _was_decided_by(state: ExecutionState, run: NodeRun, again: set[str]) -> bool:
    """Whether a node's start, or its being left out, hangs on facts of nodes that run again: without these its
    ``startWhen`` is unknown once more."""
    if run.state == "skipped" and run.reason not in ("blocked", "unsatisfied"):
        return False
    scale = weigher(state, run.index)

    def event(source: str, name: str) -> int:
        return UNKNOWN if source in again else scale.event(source, name)

    def value(atom: ValueAtom) -> int:
        return UNKNOWN if any(read.path[0] in again for read in atom.expression.reads) else scale.value(atom)

    return Weigher(event, value, scale.matched).weigh(run.planned.start.root) == UNKNOWN


def _reset(state: ExecutionState, run: NodeRun, failed_items: bool) -> None:
    """A node as it was before it started; a ``forEach`` keeps the items that have a result."""
    kept: Fan | None = None
    if run.fan is not None and (run.state != "completed" or failed_items):
        kept = Fan(run.fan.items)
        for index, item in enumerate(run.fan.runs):
            if item.state == "completed":
                kept.runs[index] = item
                kept.completed += 1
    fresh = NodeRun(run.planned)
    fresh.fan = kept
    fresh.failed_outputs = run.failed_outputs
    state.order[run.index] = fresh
    state.nodes[run.planned.id] = fresh
    state.drop_values(run.planned.id)


def rebuild_truth(state: ExecutionState) -> None:
    """Truth of the new round: the facts of the nodes that keep their results, nothing else."""
    state.truth = Truth(state.plan.network, state._evaluate_gate)
    state.truth.begin()
    state.settle("pipeline", "started", TRUE)
    for run in state.order:
        if run.state in TERMINAL:
            for event, atom in state.plan.network.atoms_of.get(run.planned.id, {}).items():
                if state.truth.of_atom[atom] == UNKNOWN:
                    state.truth.settle(atom, TRUE if run.has(event) else FALSE)
            state.names_changed(run.planned.id)
    state.truth.dirty = {index for index in state.truth.dirty if index < 0 or state.order[index].state == "pending"}
