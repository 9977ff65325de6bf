"""``decide(state, fact)``: the one place where what happened becomes what is to be done. Pure: time and results arrive
in facts, and nothing here waits, reads a clock or writes a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from yamlflow_nb.domain.decision import StartTask, Turn
from yamlflow_nb.domain.event import (
    ApprovalDecided,
    CancelRequested,
    CustomEventSent,
    Fact,
    InterruptionAnswered,
    PauseRequested,
    PlaceGranted,
    PlaceRefused,
    ResumeRequested,
    RetryRequested,
    RoomGranted,
    SkipRequested,
    Started,
    TakenOver,
    TaskEmitted,
    TaskFinished,
    TaskNoted,
    TaskOutputSet,
    TaskWaiting,
    TimerFired,
    VariableSet,
)
from yamlflow_nb.domain.execution_plan import TRUE, ExecutionPlan
from yamlflow_nb.domain.pipeline_definition import PipelineDefinition
from yamlflow_nb.domain.task_definition import TaskType
from yamlflow_nb.orchestration import approval, attempts, ending, interruption, items, passes, place, room, rounds
from yamlflow_nb.orchestration.event_manager import EventLog, EventManager, timestamp
from yamlflow_nb.orchestration.execution_state import ExecutionState
from yamlflow_nb.orchestration.inputs import accepted_inputs
from yamlflow_nb.orchestration.judgement import evaluate_gate
from yamlflow_nb.orchestration.leaving import skip
from yamlflow_nb.orchestration.variable_pool import VariablePool, Variables
from yamlflow_nb.planning import plan as make_plan


def new_execution(
    plan: ExecutionPlan, execution_id: str, log: EventLog | None = None, variables: Variables | None = None
) -> ExecutionState:
    """An execution that has not begun: every node pending, nothing known."""
    state = ExecutionState(plan, execution_id, log, variables)
    state.evaluate_gate = evaluate_gate
    return state


def decide(state: ExecutionState, fact: Fact) -> tuple[ExecutionState, Turn]:
    """Take in one fact: the state is advanced in place and returned, with what is to be stored and done.

    A fact that no longer counts (a late result, a command to an ended execution) brings an empty turn.
    """
    state.turn = turn = Turn()
    state.now = max(state.now, fact.at)
    if state.ended is None or isinstance(fact, RetryRequested):
        _HANDLERS[type(fact)](state, fact)
        passes.advance(state)
    return state, turn


def _start(state: ExecutionState, fact: Started) -> None:
    if state.begun:
        return
    state.begun = True
    state.system = dict(fact.system)
    state.set_values("pipeline.input", fact.inputs)
    state.set_values("system", {**fact.system, "round": state.round})
    state.store("pipeline", "started", {"inputs": dict(fact.inputs)})
    state.pipeline_events.add("started")
    if fact.held:
        place.hold(state, fact.held)
    elif state.plan.timeout:
        state.set_timer("pipeline", None, None, fact.at + state.plan.timeout)
    state.truth.begin()
    state.settle("pipeline", "started", TRUE)


def _fire(state: ExecutionState, fact: TimerFired) -> None:
    entry = state.timers.pop(fact.timer, None)
    if entry is None:
        return
    kind, index, item = entry
    if kind == "pipeline":
        if not state.finishing and state.halted is None:
            ending.halt(state, "timeout")
        return
    run = state.order[index]
    if kind == "timeout":
        attempts.time_out(state, run, item)
    elif kind == "wait":
        attempts.waited_too_long(state, run, item)
    elif kind == "remind":
        approval.remind(state, run, item)
    elif kind == "due":
        attempts.come_due(state, run, item)
    elif kind == "repeat":
        state.ready.append((index, attempts.ITERATION))
    elif item is not None:
        items.due(state, run, item)
    elif run.state == "retrying":
        passes.queue(state, run)


def _start_with_room(state: ExecutionState, fact: RoomGranted) -> None:
    found = room.granted(state, fact.node, fact.item)
    if found is not None:
        run, slot = found
        start = attempts.start_node if run.state == "queued" else attempts.start_attempt
        start(state, run, slot, fact.item)


def _receive(state: ExecutionState, fact: CustomEventSent) -> None:
    if fact.key is not None:
        if fact.key in state.event_keys:
            return
        state.event_keys.add(fact.key)
    state.store("custom", fact.name, dict(fact.payload) | ({"by": fact.by} if fact.by else {}))
    first = fact.name not in state.custom and not state.closed
    if first:
        state.custom[fact.name] = dict(fact.payload)
        state.set_values(f"custom.{fact.name}", fact.payload)
        state.settle("custom", fact.name, TRUE)
        state.names_changed(f"custom.{fact.name}")
    for index in state.plan.awaiting.get(fact.name, ()):
        if state.order[index].planned.id not in state.scripted:
            attempts.arrive(state, state.order[index], fact.payload)


def _cancel(state: ExecutionState, fact: CancelRequested) -> None:
    halted = state.halted
    if state.finishing and not fact.now:
        return
    if halted == "cancelled" and not fact.now:
        return
    ending.halt(state, "cancelled", everything=fact.now)
    if state.finishing:
        state.halted = halted


def _pause(state: ExecutionState, fact: PauseRequested) -> None:
    if not state.paused:
        state.paused = True
        _pipeline_event(state, "paused", {"by": fact.by} if fact.by else {})


def _resume(state: ExecutionState, fact: ResumeRequested) -> None:
    if state.paused:
        state.paused = False
        _pipeline_event(state, "resumed", {"by": fact.by} if fact.by else {})
        room.ask_again(state)


def _pipeline_event(state: ExecutionState, event: str, payload: Mapping[str, Any]) -> None:
    state.store("pipeline", event, payload)
    if not state.finishing:
        state.pipeline_events.add(event)
        state.settle("pipeline", event, TRUE)


def _skip(state: ExecutionState, fact: SkipRequested) -> None:
    run = state.nodes.get(fact.node)
    if run is not None and run.state == "pending":
        skip(state, run, "manual", [f"skipped by {fact.by}"] if fact.by else [])


def _set_variable(state: ExecutionState, fact: VariableSet) -> None:
    scope, _, name = fact.reference.rpartition(".")
    state.set_value(scope, name, fact.value)
    run = state.nodes.get(scope)
    if run is not None:
        run.outputs = {**run.outputs, name: fact.value}
        state.names_changed(scope)


_HANDLERS: dict[type, Callable[[ExecutionState, Any], None]] = {
    Started: _start,
    TaskFinished: attempts.finish_attempt,
    TaskEmitted: attempts.emit,
    TaskOutputSet: attempts.set_outputs,
    TaskNoted: attempts.note,
    TaskWaiting: attempts.set_waiting,
    TimerFired: _fire,
    CustomEventSent: _receive,
    CancelRequested: _cancel,
    PauseRequested: _pause,
    ResumeRequested: _resume,
    SkipRequested: _skip,
    RetryRequested: rounds.open_round,
    VariableSet: _set_variable,
    TakenOver: interruption.take_over,
    InterruptionAnswered: interruption.answer,
    ApprovalDecided: approval.take_in,
    RoomGranted: _start_with_room,
    PlaceGranted: place.grant,
    PlaceRefused: place.refuse,
}
"""One row a fact."""


class ExecutionOrchestrator:
    """The seed's box around ``decide``: starts executions and advances them, with one event manager and one variable pool.

    It drives nothing by itself: whoever owns it (the loop, a test) carries the decisions out and brings facts back.
    """

    def __init__(
        self,
        event_manager: EventManager | None = None,
        variable_pool: VariablePool | None = None,
        task_types: Mapping[str, TaskType] | None = None,
    ) -> None:
        self.event_manager = event_manager if event_manager is not None else EventManager()
        self.variable_pool = variable_pool if variable_pool is not None else VariablePool()
        self._task_types = task_types or {}
        self._executions: dict[str, ExecutionState] = {}

    def start_execution(
        self,
        pipeline_def: PipelineDefinition | ExecutionPlan,
        input_vars: Mapping[str, Any] | None = None,
        execution_id: str = "execution_1",
        at: float = 0.0,
    ) -> ExecutionState:
        """Create an execution, write ``pipeline.input.*``, store ``pipeline.started`` and decide the first starts.
        Raises ``InputError`` for inputs that do not fit."""
        plan = pipeline_def if isinstance(pipeline_def, ExecutionPlan) else make_plan(pipeline_def, self._task_types)
        log, variables = self.event_manager.log(execution_id), self.variable_pool.variables(execution_id)
        state = new_execution(plan, execution_id, log, variables)
        self._executions[execution_id] = state
        inputs = accepted_inputs(plan.definition, input_vars or {})
        system = {
            "execution_id": execution_id, "pipeline": plan.definition.name, "version": plan.definition.version,
            "started_at": timestamp(at), "scheduled_for": timestamp(at), "initiator": "orchestrator", "workdir": ".",
        }  # fmt: skip
        decide(state, Started(at, inputs, system))
        return state

    def execution(self, execution_id: str) -> ExecutionState:
        """The execution as it stands; raises KeyError for an unknown one."""
        return self._executions[execution_id]

    def advance(self, execution_id: str, fact: Fact) -> Turn:
        """Take in one fact."""
        return decide(self._executions[execution_id], fact)[1]

    def starts(self, execution_id: str) -> list[StartTask]:
        """The attempts that the last turn wants started."""
        return [decision for decision in self._executions[execution_id].turn.decisions if isinstance(decision, StartTask)]
