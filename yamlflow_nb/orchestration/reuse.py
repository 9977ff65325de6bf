"""``fork``: an execution that begins with the results of another one. What the change does not affect is taken over by
reference, from there on ``decide`` goes on as ever."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.domain.document import Path
from yamlflow_nb.domain.event import Forked
from yamlflow_nb.domain.execution_plan import TRUE, ExecutionPlan
from yamlflow_nb.domain.typed_json import dumps, loads
from yamlflow_nb.orchestration import place
from yamlflow_nb.orchestration.execution_state import ExecutionState, Fan, ItemRun, NodeRun
from yamlflow_nb.orchestration.lifecycle import TERMINAL, ending_events
from yamlflow_nb.orchestration.rounds import SKIPPED_BY_A_STOP, rebuild_truth
from yamlflow_nb.planning.dependencies import dependants, named_by

_DEFAULTS: dict[str, Any] = {
    "reason": None, "outputs": {}, "failed_outputs": {}, "error_type": "", "ignored": False, "iterations_done": 0, "why": None,
    "cached": None, "event_payloads": None,
}  # fmt: skip
"""Of a node: what is told where it is another."""
_DEFAULTS_OF_ITEM: dict[str, Any] = {
    "state": "pending", "reason": None, "started_at": None, "outputs": {}, "failed_outputs": {}, "error_type": "", "number": 0,
    "cached": None,
}  # fmt: skip


def running_anew(
    state: ExecutionState, plan: ExecutionPlan, changed_nodes: Iterable[str], changed_names: Iterable[Path]
) -> set[str]:
    """The nodes of ``plan`` that a fork of ``state`` runs: what is new or changed, what has no result of its own, and whatever
    depends on these. ``plan`` may be that of another definition."""
    anew = set(changed_nodes)
    for node in plan.nodes:
        run = state.nodes.get(node.id)
        if run is None or not _has_result(state, run):
            anew.add(node.id)
    gone = {name for name in state.plan.index if name not in plan.index}
    if gone:
        # A pattern that matched a node which is no more says something else now.
        anew |= {old.id for old in state.plan.nodes if any(path[0] in gone for path in named_by(old, state.plan))}
    return dependants(plan, anew, changed_names)


def _has_result(state: ExecutionState, run: NodeRun) -> bool:
    """Whether a node came to an end of its own, which did not end the whole run."""
    if run.state not in TERMINAL or run.state == "cancelled":
        return False
    if run.state == "skipped":
        return run.reason not in SKIPPED_BY_A_STOP
    return not (run.state == "failed" and state.halted == "onFailure" and run.planned.on_failure == "stop")


def result_of(run: NodeRun, execution_id: str, outputs: Mapping[str, Any] | None = None) -> str:
    """What a node came to, as one line of typed JSON: of a thousand most came to little. ``execution_id`` is where, unless it was
    taken over there already; ``outputs`` are those that it is to have instead of its own."""
    told: dict[str, Any] = {"from": run.reused or execution_id, "state": run.state, "attempts": run.attempts}
    told |= {"started_at": run.started_at, "finished_at": run.finished_at}
    told |= {name: value for name, default in _DEFAULTS.items() if (value := getattr(run, name)) != default}
    if outputs is not None:
        told["outputs"] = dict(outputs)
    if run.ending != ending_events(run.state, run.reason):
        told["ending"] = list(run.ending)
    if run.extra and run.extra != ["started"]:
        told["extra"] = run.extra
    if run.error is not None:
        told["error"] = _told(run.error)
    if run.fan is not None:
        told["fan"] = _fan_told(run.fan)
    return dumps(told)


def _fan_told(fan: Fan) -> dict[str, Any]:
    runs = [
        {name: value for name, default in _DEFAULTS_OF_ITEM.items() if (value := getattr(one, name)) != default}
        | ({} if one.error is None else {"error": _told(one.error)})
        for one in fan.runs
    ]
    return {"items": fan.items, "runs": runs, "concluded": fan.concluded}


def _told(error: Diagnostic) -> dict[str, Any]:
    return {"code": error.code, "message": error.message, "hint": error.hint}


def begin_with(state: ExecutionState, fact: Forked) -> None:
    """The first fact of a fork: inputs, the results of nodes that do not run again, the events that had been sent."""
    if state.begun:
        return
    state.begin(fact.inputs, fact.system, {"forked_from": fact.origin} | ({"by": fact.by} if fact.by else {}))
    state.origin, state.fresh, state.insisted = fact.origin, fact.fresh, frozenset(fact.changed)
    place.begin(state, fact.held, fact.at)
    for name, result in fact.reused.items():
        _take_over(state, state.nodes[name], loads(result), fact)
    for name, payload in fact.custom.items():
        state.store("custom", name, {**payload, "reused_from": fact.origin})
        state.custom[name] = dict(payload)
        state.set_values(f"custom.{name}", payload)
    rebuild_truth(state)
    for name in fact.custom:
        state.settle("custom", name, TRUE)
        state.names_changed(f"custom.{name}")


def _take_over(state: ExecutionState, run: NodeRun, result: Mapping[str, Any], fact: Forked) -> None:
    """One node as it ended there. What it had emitted is stored here too; it did not start here."""
    run.state, run.started_at, run.finished_at = result["state"], result["started_at"], result["finished_at"]
    for name in _DEFAULTS:
        if name in result:
            setattr(run, name, result[name])
    run.reused, run.number = str(result["from"]), result["attempts"]
    run.ending = tuple(result.get("ending") or ending_events(run.state, run.reason))
    run.extra = list(result.get("extra") or (["started"] if run.started_at is not None else []))
    run.error = _error_of(result)
    run.fan = _fan_of(result["fan"]) if "fan" in result else None
    node = run.planned.id
    told: dict[str, Any] = {"reused_from": run.reused}
    if set_here := sorted(name for name in fact.changed if name.startswith(f"{node}.")):
        told["set"] = set_here
    for event in run.extra:
        if event in run.planned.emits or event in ("approved", "rejected"):
            state.store(node, event, {**(run.event_payloads or {}).get(event, {}), **told})
    for event in run.ending:
        state.store(node, event, {**run.outputs, **told})
    if run.outputs:
        state.set_values(node, run.outputs)
    state.turn.changed[node] = None


def _fan_of(told: Mapping[str, Any]) -> Fan:
    fan = Fan(list(told["items"]))
    fan.runs = [_item_of(one) for one in told["runs"]]
    fan.completed = sum(one.state == "completed" for one in fan.runs)
    fan.failed = sum(one.state == "failed" for one in fan.runs)
    fan.concluded, fan.next = told["concluded"], len(fan.items)
    return fan


def _item_of(told: Mapping[str, Any]) -> ItemRun:
    item = ItemRun()
    for name in _DEFAULTS_OF_ITEM:
        if name in told:
            setattr(item, name, told[name])
    item.error = _error_of(told)
    return item


def _error_of(told: Mapping[str, Any]) -> Diagnostic | None:
    return Diagnostic(severity="error", **told["error"]) if "error" in told else None
