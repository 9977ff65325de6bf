"""Expressions judged in an execution: value gates for the truth, instant looks for ``failWhen`` and its kin, and what to
say when one cannot be had."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.domain.document import Path
from yamlflow_nb.domain.execution_plan import ERROR, FALSE, START, STOP, TRUE, UNKNOWN
from yamlflow_nb.domain.expression import BoundTemplate, NameRead, TriggerExpression, ValueAtom, ValueExpression
from yamlflow_nb.domain.names import Absent, Namespace
from yamlflow_nb.domain.pattern import matching
from yamlflow_nb.language.evaluation import AbsentError, ExpressionError, evaluate_condition, render
from yamlflow_nb.language.locate import diagnostic_for
from yamlflow_nb.language.problem import Problem
from yamlflow_nb.orchestration.execution_state import ExecutionState, NodeRun, event_verdict
from yamlflow_nb.orchestration.explanation import Cause, Weigher
from yamlflow_nb.orchestration.visible_names import StateNames
from yamlflow_nb.planning.network import settling_fact


class Unjudgeable(Exception):
    """An expression that gave neither true nor false; ``.diagnostic`` says why and where."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def evaluate_gate(state: ExecutionState, gate: int) -> int:
    """The verdict of a value gate of the network: settled names, or for ``stopWhen`` the latest."""
    network = state.plan.network
    latest = network.role[gate] == STOP
    if state.closed and network.role[gate] == START and not all(is_settled(state, read) for read in network.expression[gate].reads):
        # The run ended without the event: its payload never settles.
        return UNKNOWN
    try:
        return TRUE if evaluate_condition(network.expression[gate], StateNames(state, latest)) else FALSE
    except AbsentError:
        return UNKNOWN if latest else ERROR
    except ExpressionError:
        return ERROR


def matched_by(state: ExecutionState, owner: int) -> Callable[[str], list[str]]:
    """The function that tells which nodes a pattern stands for in a node's expression."""
    names: list[str] = []

    def matched(pattern: str) -> list[str]:
        # Most expressions hold no pattern: the ids are gathered when one is met.
        if not names:
            names.extend(run.planned.id for run in state.order if not run.planned.is_finally and run.index != owner)
        return matching(pattern, names)

    return matched


def weigher(state: ExecutionState, owner: int, latest: bool = False, now: bool = False) -> Weigher:
    """Weighs a trigger as things stand; with ``now`` what is not known yet of custom events counts as false."""

    def event(source: str, name: str) -> int:
        verdict = event_verdict(state, source, name)
        if now and verdict == UNKNOWN and (source == "custom" or (source == "pipeline" and name in ("paused", "resumed"))):
            return FALSE
        return verdict

    def value(atom: ValueAtom) -> int:
        if not latest and not all((now and read.path[0] == "custom") or is_settled(state, read) for read in atom.expression.reads):
            return UNKNOWN
        return evaluated(state, atom, latest)

    return Weigher(event, value, matched_by(state, owner))


def evaluated(state: ExecutionState, atom: ValueAtom, latest: bool = False) -> int:
    """A value atom's verdict by what is there: names that are not settled count as absent."""
    try:
        return TRUE if evaluate_condition(atom.expression, StateNames(state, latest)) else FALSE
    except AbsentError:
        return UNKNOWN if latest else ERROR
    except ExpressionError:
        return ERROR


def is_settled(state: ExecutionState, read: NameRead, own: NodeRun | None = None) -> bool:
    """Whether a name that an expression reads is settled (names of ``own``, whose attempt just ended, are)."""
    fact = None if read.guard == "peek" else settling_fact(read, state.plan.index)
    if fact is None or fact[0] == "custom":
        return fact is None or fact[1] in state.custom or own is not None
    if own is not None and fact[0] == own.planned.id:
        return True
    return event_verdict(state, *fact) != UNKNOWN


def judge_now(state: ExecutionState, run: NodeRun, trigger: TriggerExpression, local: Mapping[str, Any] | None = None) -> bool:
    """``failWhen``, ``retryWhen`` and ``until``: true or false at once, or ``Unjudgeable``. They read the node's own names,
    as they are now, and settled ones; custom events that have not arrived count as false."""
    names = StateNames(state, own=run, local=local)
    problems: list[Problem] = []

    def event(source: str, name: str) -> int:
        verdict = event_verdict(state, source, name)
        if verdict != UNKNOWN or source in (run.planned.id, "custom", "pipeline"):
            return FALSE if verdict == UNKNOWN else verdict
        problems.append(
            Problem("YF402", f"`event:{source}.{name}` is not known yet: node `{source}` is {state.nodes[source].state}", 0, 0)
        )
        return ERROR

    def value(atom: ValueAtom) -> int:
        for read in atom.expression.reads:
            if not is_settled(state, read, run):
                problems.append(unsettled(state, read))
                return ERROR
        try:
            return TRUE if evaluate_condition(atom.expression, names) else FALSE
        except ExpressionError as error:
            problems.append(error.problem)
            return ERROR

    verdict = Weigher(event, value, matched_by(state, run.index)).weigh(trigger.root)
    if verdict == ERROR:
        raise Unjudgeable(locate(state, trigger.path, problems[0]))
    return verdict == TRUE


def unsettled(state: ExecutionState, read: NameRead) -> Problem:
    """The problem of reading a name too early."""
    name = ".".join(str(step) for step in read.path)
    node = state.nodes.get(str(read.path[0]))
    where = f": node `{node.planned.id}` is {node.state}" if node is not None else ""
    return Problem("YF402", f"`{name}` is not settled yet{where}", read.start, read.end)


def locate(state: ExecutionState, path: Path, problem: Problem) -> Diagnostic:
    """A problem of an expression as a diagnostic with its place in the pipeline's document."""
    document = state.plan.definition.document
    if document is None or not path:
        return Diagnostic(problem.code, "error", problem.message, hint=problem.hint)
    return replace(diagnostic_for(document, path, problem), fix=None)


def trigger_error(state: ExecutionState, owner: int, trigger: TriggerExpression, scale: Weigher) -> Diagnostic:
    """Why a trigger's verdict is *error*: the first value expression in it that is one. ``scale`` weighed it."""
    latest = state.plan.stop_when is trigger or (owner >= 0 and state.order[owner].planned.stop is trigger)
    for cause in scale.causes(trigger.root):
        if cause.verdict == ERROR and isinstance(cause.node, ValueAtom):
            try:
                evaluate_condition(cause.node.expression, StateNames(state, latest))
            except ExpressionError as error:
                return locate(state, trigger.path, error.problem)
    return Diagnostic("YF401", "error", f"`{trigger.text}` has no value")


def resolve(
    state: ExecutionState,
    constants: Mapping[str, Any],
    templates: Sequence[BoundTemplate],
    local: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Bindings or task fields with their templates' values put in; the result is the task's own copy.
    Raises ``Unjudgeable`` where a template has no value."""
    resolved: dict[str, Any] = own_copy(constants) if constants else {}
    if not templates:
        return resolved
    names = StateNames(state, local=local)
    for bound in templates:
        value = resolve_one(state, bound, names)
        place: Any = resolved
        for step in bound.path[:-1]:
            place = place[step]
        place[bound.path[-1]] = value
    return resolved


def own_copy(value: Any) -> Any:
    """Data that its holder may change: containers are copied, everything else in them is immutable."""
    if isinstance(value, Mapping):
        return {key: own_copy(item) if isinstance(item, (dict, list)) else item for key, item in value.items()}
    return [own_copy(item) for item in value] if isinstance(value, list) else value


def resolve_one(state: ExecutionState, bound: BoundTemplate, names: StateNames) -> Any:
    """The value of one template, as the reader's own copy. Raises ``Unjudgeable``."""
    try:
        value = render(bound.template, names)
    except ExpressionError as error:
        raise Unjudgeable(locate(state, bound.place, error.problem)) from None
    return own_copy(value)


def cause_text(state: ExecutionState, cause: Cause) -> str:
    """A leaf that decided, with what became of the node that it names."""
    run = state.nodes.get(cause.source)
    return cause.text() if run is None else f"{cause.text()}: {run.planned.id} is {run.state}"


def condition_text(state: ExecutionState, trigger: TriggerExpression, run: NodeRun) -> str:
    """A condition with the values that it read: the default message of ``failWhen``."""
    values: list[str] = []
    names = StateNames(state, own=run)
    for expression in value_expressions(trigger):
        for read in expression.reads:
            text = ".".join(str(step) for step in read.path)
            shown = _shown(names, read)
            if shown is not None and f"{text} = {shown}" not in values:
                values.append(f"{text} = {shown}")
    return f"failWhen is true: {trigger.text}" + (f" ({', '.join(values)})" if values else "")


def value_expressions(trigger: TriggerExpression) -> list[ValueExpression]:
    """All ``{{ }}`` of a trigger."""
    found: list[ValueExpression] = []
    stack: list[Any] = [trigger.root]
    while stack:
        node = stack.pop()
        if isinstance(node, ValueAtom):
            found.append(node.expression)
        stack.extend(reversed(getattr(node, "operands", ())))
        if hasattr(node, "operand"):
            stack.append(node.operand)
    return found


def _shown(names: StateNames, read: NameRead) -> str | None:
    value: Any = names.lookup(str(read.path[0]))
    for step in read.path[1:]:
        if isinstance(value, Namespace):
            value = value.member(str(step))
        elif isinstance(value, (dict, list)):
            try:
                value = value[step]  # type: ignore[index]
            except (KeyError, IndexError, TypeError):
                return None
        else:
            return None
    if isinstance(value, (Absent, Namespace)):
        return None
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
