"""A place among the executions of one pipeline (``concurrency``): whoever has none is held, and nothing of it starts. How many
run is the world's to know. (``simulate`` runs one alone.)"""

from __future__ import annotations

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.domain.event import PlaceGranted, PlaceRefused
from yamlflow_nb.language.evaluation import render
from yamlflow_nb.language.functions import text_form
from yamlflow_nb.language.value_parser import parse_template
from yamlflow_nb.orchestration import ending
from yamlflow_nb.orchestration.execution_state import ExecutionState, timer_name
from yamlflow_nb.orchestration.visible_names import StateNames

REASON = "concurrency"
WORKER = "worker"
"""Why it is held, as its reason."""


def key(state: ExecutionState) -> str:
    """Which executions count together: those of the pipeline, or of one ``group`` of it. Raises ``ExpressionError``."""
    definition = state.plan.definition
    group = (definition.concurrency or {}).get("group")
    template = parse_template(group) if isinstance(group, str) and "{{" in group else None
    value = group if template is None else render(template, StateNames(state))
    return definition.qualified_name if value is None else f"{definition.qualified_name} {text_form(value)}"


def begin(state: ExecutionState, held: str, at: float) -> None:
    """A new execution: held, or the pipeline's ``timeout`` counts from here."""
    if held:
        hold(state, held)
    elif state.plan.timeout:
        state.set_timer("pipeline", None, None, at + state.plan.timeout)


def hold(state: ExecutionState, reason: str = REASON) -> None:
    """Nothing starts from here on."""
    state.held, state.reason = True, reason


def hold_again(state: ExecutionState) -> None:
    """Another process goes on with it, or another round begins: its place may be another's by now."""
    if state.rationed and state.plan.definition.concurrency is not None:
        hold(state)


def grant(state: ExecutionState, fact: PlaceGranted) -> None:
    """There is a place, or a worker. The pipeline's ``timeout`` counts from here."""
    if not state.held:
        return
    state.held, state.reason = False, None
    if state.plan.timeout and timer_name("pipeline", None, None) not in state.timers:
        state.set_timer("pipeline", None, None, fact.at + state.plan.timeout)


def refuse(state: ExecutionState, fact: PlaceRefused) -> None:
    """It ends without having begun: not even finally nodes run."""
    if state.held:
        state.refused, state.error = fact, Diagnostic("YF417", "error", fact.why)
        ending.halt(state, REASON)
