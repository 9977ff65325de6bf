"""Whether a command fits an execution as it stands: told in words before anything is written."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from yamlflow_nb.domain.event import RetryRequested
from yamlflow_nb.domain.variable import fits, type_of
from yamlflow_nb.orchestration.execution_state import ExecutionState
from yamlflow_nb.orchestration.inputs import accepted_inputs
from yamlflow_nb.orchestration.rounds import running_again
from yamlflow_nb.services.command_error import CommandError

_INPUT = "pipeline.input."


def check_node(state: ExecutionState, node: str) -> None:
    """Raises ``CommandError`` (YF704) for a node that there is not."""
    if node not in state.nodes:
        close = get_close_matches(node, list(state.nodes), 1)
        hint = f"did you mean `{close[0]}`?" if close else f"nodes: {', '.join(state.nodes)}"
        raise CommandError("YF704", f"`{state.execution_id}` has no node `{node}`", hint)


def check_retry(state: ExecutionState, fact: RetryRequested) -> None:
    """Raises ``CommandError``: YF704, YF732 it has not ended, YF727 nothing would run again."""
    for node in (*fact.nodes, *fact.with_nodes):
        check_node(state, node)
    if state.ended is None:
        hint = "let it end, cancel it, or resume it first"
        raise CommandError("YF732", f"`{state.execution_id}` has not ended: {state.status}", hint)
    for node in fact.nodes:
        if state.nodes[node].state == "completed" and not fact.failed_items:
            raise CommandError("YF727", f"`{node}` completed: its result is kept", f"--with {node} runs it again all the same")
    if not running_again(state, fact):
        what = "no item of a forEach failed" if fact.failed_items else "no node failed or was cancelled"
        hint = "--with NODE runs a completed node again, and what hangs on it"
        raise CommandError("YF727", f"nothing of `{state.execution_id}` is to run again: {what}", hint)


def check_skip(state: ExecutionState, node: str) -> None:
    """Raises ``CommandError`` (YF704, YF727) unless the node is pending."""
    check_node(state, node)
    found = state.nodes[node].state
    if found != "pending":
        raise CommandError("YF727", f"`{node}` is {found}: only a pending node can be skipped", f"yamlflow why {node}")


def checked_value(state: ExecutionState, reference: str, value: Any) -> Any:
    """The value as it can be set. Raises ``CommandError`` (YF728) for a name that is none, ``InputError``."""
    if reference.startswith(_INPUT):
        name = reference.removeprefix(_INPUT)
        given = state.variables.scopes.get("pipeline.input", {})
        return accepted_inputs(state.plan.definition, {**given, name: value})[name]
    node, _, name = reference.partition(".")
    run = state.nodes.get(node)
    if run is None or not name.isidentifier():
        hint = "for example pipeline.input.month, or the output of a node: extract.rows"
        raise CommandError("YF728", f"{reference!r} is no variable that can be set", hint)
    if run.state != "completed":
        raise CommandError("YF728", f"`{node}` is {run.state}: only what a completed node gave can be changed", None)
    declared = run.planned.outputs.get(name)
    if declared is None and name not in run.outputs:
        raise CommandError("YF728", f"`{node}` gave no `{name}`", f"it gave: {', '.join(run.outputs) or 'nothing'}")
    if declared is not None and value is not None and not fits(value, declared.type):
        raise CommandError("YF728", f"`{reference}` should be {declared.type}, but it is {type_of(value)}", None)
    return value
