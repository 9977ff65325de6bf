"""``fork``: an execution that begins with the results of another one. What the change does not affect is taken over by
reference, from there on ``decide`` goes on as ever."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.domain.document import Path
from yamlflow_nb.domain.event import Forked
from yamlflow_nb.domain.execution_plan import TRUE, ExecutionPlan
from yamlflow_nb.orchestration.execution_state import ExecutionState, Fan, ItemRun, NodeRun
from yamlflow_nb.orchestration.lifecycle import TERMINAL
from yamlflow_nb.orchestration.rounds import SKIPPED_BY_A_STOP, rebuild_truth
from yamlflow_nb.planning.dependencies import dependants, named_by

_PLAIN = (
    "state", "reason", "started_at", "finished_at", "outputs", "failed_outputs", "error_type", "ignored", "iterations_done", "why",
)  # fmt: skip
_PLAIN_OF_ITEM = ("state", "reason", "started_at", "outputs", "failed_outputs", "error_type", "number")


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


def result_of(run: NodeRun, execution_id: str) -> dict[str, Any]:
    """What a node came to, as it can be stored; ``execution_id`` is where, unless it was taken over there already."""
    told: dict[str, Any] = {name: getattr(run, name) for name in _PLAIN}
    told |= {"from": run.reused or execution_id, "attempts": run.attempts, "ending": list(run.ending), "extra": list(run.extra)}
    told |= {"payloads": run.event_payloads, "cached": run.cached, "error": _told(run.error)}
    told["fan"] = None if run.fan is None else _fan_told(run.fan)
    return told


def _fan_told(fan: Fan) -> dict[str, Any]:
    runs = [{name: getattr(one, name) for name in _PLAIN_OF_ITEM} | {"error": _told(one.error)} for one in fan.runs]
    return {"items": fan.items, "runs": runs, "concluded": fan.concluded}


def _told(error: Diagnostic | None) -> dict[str, Any] | None:
    if error is None:
        return None
    return {"code": error.code, "message": error.message, "hint": error.hint}


def begin_with(state: ExecutionState, fact: Forked) -> None:
    """The first fact of a fork: inputs, the results of nodes that do not run again, the events that had been sent."""
    if state.begun:
        return
    state.begin(fact.inputs, fact.system, fact.at, {"forked_from": fact.origin} | ({"by": fact.by} if fact.by else {}))
    state.origin, state.fresh, state.insisted = fact.origin, fact.fresh, frozenset(fact.changed)
    for name, result in fact.reused.items():
        _take_over(state, state.nodes[name], result, fact)
    for name, payload in fact.custom.items():
        state.store("custom", name, {**payload, "reused_from": fact.origin})
        state.custom[name] = dict(payload)
        state.variables.set_scope(f"custom.{name}", payload, fact.at)
        state.turn.variables.extend((f"custom.{name}", key, value) for key, value in payload.items())
    rebuild_truth(state)
    for name in fact.custom:
        state.settle("custom", name, TRUE)
        state.names_changed(f"custom.{name}")


def _take_over(state: ExecutionState, run: NodeRun, result: Mapping[str, Any], fact: Forked) -> None:
    """One node as it ended there. What it had emitted is stored here too; it did not start here."""
    for name in _PLAIN:
        setattr(run, name, result[name])
    run.reused = str(result["from"])
    run.ending, run.extra = tuple(result["ending"]), list(result["extra"])
    run.event_payloads, run.cached = result["payloads"], result["cached"]
    run.number = result["attempts"]
    run.error = None if result["error"] is None else Diagnostic(severity="error", **result["error"])
    run.fan = None if result["fan"] is None else _fan_of(result["fan"])
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
        state.variables.set_scope(node, run.outputs, fact.at)
        state.turn.variables.extend((node, name, value) for name, value in run.outputs.items())
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
    for name in _PLAIN_OF_ITEM:
        setattr(item, name, told[name])
    item.error = None if told["error"] is None else Diagnostic(severity="error", **told["error"])
    return item
