"""Passes: look at the nodes that a commit concerns, in document order, decide, commit, until nothing changes.

A pass judges by the facts at its start; its decisions are the next commit. What became ready starts when no pass
changes anything any more, so a stop always wins over a start of the same turn.
"""

from __future__ import annotations

from typing import Any

from yamlflow_nb.domain.execution_plan import ERROR, FALSE, HELD, PIPELINE, SKIP, START, STOP, TRUE, UNKNOWN, PlannedNode
from yamlflow_nb.domain.variable import type_of
from yamlflow_nb.language.problem import Problem
from yamlflow_nb.orchestration import attempts, ending, items
from yamlflow_nb.orchestration.execution_state import ExecutionState, Fan, NodeRun
from yamlflow_nb.orchestration.failing import fail_node
from yamlflow_nb.orchestration.judgement import Unjudgeable, locate, resolve, resolve_one, trigger_error, weigher
from yamlflow_nb.orchestration.leaving import cancel, reason_of, skip
from yamlflow_nb.orchestration.lifecycle import ACTIVE
from yamlflow_nb.orchestration.visible_names import StateNames

Action = tuple[Any, ...]
"""What to do with a node after the pass: a function of ``(state, run, *details)``, and the details."""


def advance(state: ExecutionState) -> None:
    """Bring an execution to rest: passes, then starts, then the end of the run where nothing is left to do."""
    dirty = state.truth.dirty
    while state.ended is None:
        while dirty:
            _pass(state)
        if state.held:
            return
        if state.ready and not state.paused:
            attempts.start_ready(state)
        elif not dirty and not (state.active == 0 and ending.approach(state)):
            return


def _pass(state: ExecutionState) -> None:
    """Look at what the last commit concerns by the facts as they are now, then commit all that was decided."""
    concerned = sorted(state.truth.dirty)
    state.truth.dirty.clear()
    halts = None
    if concerned[0] == PIPELINE:
        del concerned[0]
        halts = _look_at_pipeline(state)
    decided = []
    for index in concerned:
        run = state.order[index]
        action = _look(state, run)
        if action is not None:
            decided.append((run, run.state, action))
    if halts is not None:
        ending.halt(state, halts)
    state.committing = True
    for run, seen, (act, *details) in decided:
        # A stop of everything, decided in the same pass, comes first.
        if run.state == seen:
            act(state, run, *details)
    state.committing = False
    if state.halt_next is not None:
        reason, state.halt_next = state.halt_next, None
        ending.halt(state, reason)


_MAY_STILL_BE_STOPPED = (None, "timeout", "onFailure")
"""What stopped the execution before: of these a cancellation, by a person or by ``stopWhen``, still makes ``cancelled``."""


def _look_at_pipeline(state: ExecutionState) -> str | None:
    """The pipeline's ``stopWhen`` comes before any node's expressions: what stops the execution, or None."""
    gate = state.plan.network.pipeline_stop
    verdict = state.truth.of_gate[gate] if gate >= 0 else UNKNOWN
    stop_when = state.plan.stop_when
    if verdict in (UNKNOWN, FALSE) or stop_when is None or state.halted not in _MAY_STILL_BE_STOPPED or state.finishing:
        return None
    if verdict == ERROR:
        if state.halted is not None:
            return None
        state.error = trigger_error(state, PIPELINE, stop_when, weigher(state, PIPELINE, latest=True))
        return "expression"
    return "stopWhen"


def _look(state: ExecutionState, run: NodeRun) -> Action | None:
    """What is to become of one node by the facts as they are, as an action to carry out after the pass; None: nothing."""
    if run.state == "pending":
        return _look_at_pending(state, run)
    gate = state.plan.network.roots[STOP][run.index]
    if gate < 0 or run.state not in ACTIVE:
        return None
    verdict = state.truth.of_gate[gate]
    if verdict == TRUE:
        return (stop,)
    if verdict == ERROR:
        return (_fail_running,)
    return None


def _look_at_pending(state: ExecutionState, run: NodeRun) -> Action | None:
    stop_when = run.planned.stop
    if stop_when is None:
        return _look_at_start(state, run)
    stopped = state.truth.of_gate[state.plan.network.roots[STOP][run.index]]
    if stopped == TRUE:
        return (skip, "stopWhen", [])
    action = _look_at_start(state, run)
    if stopped == ERROR and (action is None or action[0] is queue):
        error = trigger_error(state, run.index, stop_when, weigher(state, run.index, latest=True))
        return (fail_node, "expression", error)
    return action


def _look_at_start(state: ExecutionState, run: NodeRun) -> Action | None:
    roots, verdicts, index, planned = state.plan.network.roots, state.truth.of_gate, run.index, run.planned
    start = verdicts[roots[START][index]]
    if start == UNKNOWN:
        return None
    if start == TRUE:
        return _look_at_starting(state, run)
    if start == ERROR:
        error = trigger_error(state, index, planned.start, weigher(state, index))
        return (fail_node, "expression", error)
    reason, because = why_not(state, run)
    return (skip, reason, because)


def _look_at_starting(state: ExecutionState, run: NodeRun) -> Action | None:
    """``startWhen`` is true: skip, hold, fail or queue."""
    network, planned, index = state.plan.network, run.planned, run.index
    if planned.skip is not None:
        skipped = state.truth.of_gate[network.roots[SKIP][index]]
        if skipped == TRUE:
            return (skip, "skipWhen", [planned.skip.text])
        if skipped == UNKNOWN:
            return None
        if skipped == ERROR:
            error = trigger_error(state, index, planned.skip, weigher(state, index, now=True))
            return (fail_node, "expression", error)
    hold = network.roots[HELD][index]
    if hold >= 0 and state.truth.held(hold):
        return None
    try:
        _prepare(state, run)
    except Unjudgeable as unjudgeable:
        error = unjudgeable.diagnostic
        return (fail_node, "expression", error)
    return (queue,)


def _prepare(state: ExecutionState, run: NodeRun) -> None:
    """Resolve what the first attempt is given; with ``forEach`` the list."""
    planned = run.planned
    if not planned.is_for_each:
        run.inputs = resolve(state, planned.bindings, planned.bound)
        run.fields = resolve(state, planned.fields, planned.bound_fields)
        return
    if run.fan is not None:
        return
    value = planned.for_each_value
    if planned.for_each is not None:
        value = resolve_one(state, planned.for_each, StateNames(state))
    if not isinstance(value, list):
        text = value if planned.for_each is None else planned.for_each.template.text
        message = f"forEach needs an array, but `{text}` is {type_of(value)}"
        place = () if planned.for_each is None else planned.for_each.place
        raise Unjudgeable(
            locate(state, place, Problem("YF403", message, 0, len(str(text)), hint="give a list, or wrap one value: [x]"))
        )
    if value:
        _prepare_shared(state, planned)
    run.fan = Fan(value)


def _prepare_shared(state: ExecutionState, planned: PlannedNode) -> None:
    """What every item is given alike must have a value before the first one starts; each gets its own copy later."""
    names = StateNames(state)
    for bound in (*planned.bound, *planned.bound_fields):
        reads = [read.path[0] for expression in bound.template.expressions for read in expression.reads]
        if "item" not in reads and "index" not in reads:
            resolve_one(state, bound, names)


def queue(state: ExecutionState, run: NodeRun) -> None:
    state.move(run, "queued")
    state.ready.append((run.index, None))


def stop(state: ExecutionState, run: NodeRun) -> None:
    """An active node's ``stopWhen`` became true."""
    state.stop_work(run, "stopWhen")
    if run.planned.stop_as == "completed":
        if run.fan is not None:
            run.outputs = items.arrays(run)
        state.end_node(run, "completed", None, dict(run.outputs))
    else:
        cancel(state, run, "stopWhen")


def _fail_running(state: ExecutionState, run: NodeRun) -> None:
    planned = run.planned
    assert planned.stop is not None
    error = trigger_error(state, run.index, planned.stop, weigher(state, run.index, latest=True))
    state.stop_work(run, "expression")
    fail_node(state, run, "expression", error)


def why_not(state: ExecutionState, run: NodeRun) -> tuple[str, list[str]]:
    """``blocked`` or ``unsatisfied``, with the sub-expressions that made ``startWhen`` false."""
    return reason_of(state, weigher(state, run.index).causes(run.planned.start.root))
