"""``simulate``: the real state machine in virtual time, with scripted outcomes. Nothing is executed."""

from __future__ import annotations

import datetime as dt
import heapq
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Union

from yamlflow_nb.domain.decision import CancelTimer, SetTimer, StartTask
from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.domain.event import (
    AttemptKey,
    CancelRequested,
    CustomEventSent,
    Fact,
    PauseRequested,
    ResumeRequested,
    Started,
    TaskEmitted,
    TaskError,
    TaskFinished,
    TimerFired,
)
from yamlflow_nb.domain.execution_plan import ExecutionPlan, PlannedNode
from yamlflow_nb.domain.uncollected import uncollected
from yamlflow_nb.orchestration.ending import waits_for
from yamlflow_nb.orchestration.execution_orchestrator import decide, new_execution
from yamlflow_nb.orchestration.execution_state import ExecutionState
from yamlflow_nb.orchestration.inputs import accepted_inputs
from yamlflow_nb.orchestration.why import why

Outcome = Mapping[str, Any]
Script = Union[Outcome, Sequence[Outcome], Callable[[Any, int, int], Outcome]]
"""One node's outcomes: a mapping for every attempt, a list with one an attempt (the last repeats), or for ``forEach`` a
function of ``(item, index, attempt)``."""

_NO_OUTPUTS: Mapping[str, Any] = {}
_STATES = ("completed", "failed", "rejected", "approved", "timed_out")
_KEYS = frozenset({"state", "outputs", "error", "exit_code", "duration", "emits"})
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
_SIMULATED_APPROVAL = {"decision": "approve", "by": "simulate", "comment": ""}


@dataclass(frozen=True)
class SimulatedNode:
    """What became of one node. Times are virtual seconds from the start, ``None`` if never."""

    state: str
    reason: str | None
    attempts: int
    started_at: float | None
    finished_at: float | None
    outputs: dict[str, Any]
    error: Diagnostic | None


class Simulation:
    """What a pipeline would do.

    ``status`` and ``reason`` of the execution, ``outputs``, ``error`` (why it failed, or None); ``nodes`` by id; ``events``
    are ``(seconds, type, payload)`` in commit order; ``waiting_for`` names the approvals (by node), events (``custom.go``) and
    the ``resume`` that are outstanding when it stops with any.
    """

    def __init__(self, state: ExecutionState) -> None:
        self._state = state
        self.status = state.status
        self.reason = state.reason
        self.outputs = dict(state.outputs)
        self.error = state.error
        self.waiting_for = [*outstanding(state), *(["resume"] if state.status == "paused" else [])]

    @cached_property
    def nodes(self) -> dict[str, SimulatedNode]:
        return {
            run.planned.id: SimulatedNode(
                run.state, run.reason, run.attempts, run.started_at, run.finished_at, dict(run.outputs), run.error
            )
            for run in self._state.order
        }

    @cached_property
    def events(self) -> list[tuple[float, str, dict[str, Any]]]:
        return [(row.at, row.type, dict(row.payload)) for row in self._state.log.rows]

    def why(self, node: str) -> str:
        """Why a node started, did not start, or still waits: its expression with the truth of each part."""
        return why(self._state, node)

    def __repr__(self) -> str:
        states = ", ".join(f"{name}: {node.state}" for name, node in self.nodes.items())
        return f"Simulation({self.status}{f', {self.reason}' if self.reason else ''}; {states})"


class OutcomeError(ValueError):
    """An outcome or event given to ``simulate`` that is not of its form."""


def outcome_facts(outcome: Outcome, planned: PlannedNode, key: AttemptKey, at: float) -> list[Fact]:
    """The facts that one scripted attempt brings: what it emits, then its result; times are absolute seconds."""
    unknown = set(outcome) - _KEYS
    if unknown:
        raise OutcomeError(f"outcome of `{planned.id}`: unknown key {sorted(unknown)[0]!r}; known: {', '.join(sorted(_KEYS))}")
    state = outcome.get("state", "completed")
    if state not in _STATES:
        raise OutcomeError(f"outcome of `{planned.id}`: state {state!r} is not one of {', '.join(_STATES)}")
    duration = float(outcome.get("duration", 0))
    outputs = dict(outcome.get("outputs") or {})
    person = planned.waits == "person"
    if person and state == "completed":
        state = "approved"
    elif state == "approved" and not person:
        state = "completed"
    if person and state == "approved":
        outputs = {**_SIMULATED_APPROVAL, "at": _EPOCH + dt.timedelta(seconds=at + duration), **outputs}
    given = outcome.get("error") or {}
    error = TaskError(str(given.get("type", "")), str(given.get("message", ""))) if state not in ("completed", "approved") else None
    for _, name, _ in outcome.get("emits") or ():
        if name not in planned.emits:
            raise OutcomeError(f"outcome of `{planned.id}` emits {name!r}, which the node does not declare in `emits`")
    facts: list[Fact] = [
        TaskEmitted(at + float(seconds), key, name, dict(payload or {}))
        for seconds, name, payload in outcome.get("emits") or ()
        if float(seconds) <= duration
    ]
    facts.append(TaskFinished(at + duration, key, state, outputs, error, outcome.get("exit_code")))
    return facts


class OutcomeScript:
    """Gives each attempt its outcome. A list goes by the node's attempts one after another, those of all iterations; with
    ``forEach`` by the attempts of each item."""

    def __init__(self, outcomes: Mapping[str, Script]) -> None:
        self._outcomes = outcomes
        self._given: dict[tuple[str, int | None], int] = {}

    def __contains__(self, node: str) -> bool:
        return node in self._outcomes

    def outcome(self, key: AttemptKey, item: Any) -> Outcome:
        """The outcome of one attempt; it counts as given."""
        script = self._outcomes[key.node]
        if callable(script):
            return script(item, key.item if key.item is not None else 0, key.number)
        if isinstance(script, Mapping):
            return script
        position = self._given.get((key.node, key.item), 0)
        self._given[key.node, key.item] = position + 1
        return script[min(position, len(script) - 1)] if script else {}


class Simulator:
    """A queue of facts in virtual time: by time, then in the order in which they were scheduled; ``events`` come last."""

    def __init__(self, plan: ExecutionPlan, outcomes: Mapping[str, Script]) -> None:
        for node in outcomes:
            if node not in plan.index:
                raise OutcomeError(f"outcomes: there is no node `{node}`; nodes: {', '.join(plan.index)}")
        self.state = new_execution(plan, "simulation")
        self.state.scripted = frozenset(outcomes)
        self._script = OutcomeScript(outcomes)
        self._instants: list[tuple[float, int]] = []
        self._scheduled: dict[tuple[float, int], deque[Fact]] = {}
        self._due: dict[str, TimerFired] = {}

    def send(self, fact: Fact, rank: int = 0) -> None:
        """A fact to come. Those of one instant and rank stand in one line, so that 100,000 results at once cost no search."""
        instant = (fact.at, rank)
        line = self._scheduled.get(instant)
        if line is None:
            self._scheduled[instant] = deque((fact,))
            heapq.heappush(self._instants, instant)
        else:
            line.append(fact)

    def run(self, max_time: float | None) -> None:
        """Until nothing is left to happen, or ``max_time`` is over."""
        state, instants, scheduled = self.state, self._instants, self._scheduled
        while instants and state.ended is None:
            instant = instants[0]
            if max_time is not None and instant[0] > max_time:
                return
            line = scheduled[instant]
            fact = line.popleft()
            if not line:
                del scheduled[heapq.heappop(instants)]
            if isinstance(fact, TimerFired) and self._due.get(fact.timer) is not fact:
                continue  # cancelled, or set anew: perhaps for the very same instant
            for decision in decide(state, fact)[1].decisions:
                if isinstance(decision, StartTask):
                    self._start(decision)
                elif isinstance(decision, SetTimer) and not decision.timer.startswith("remind:"):
                    # Reminders come for as long as nobody decides: in virtual time that is for ever.
                    self._due[decision.timer] = timer = TimerFired(decision.at, decision.timer)
                    self.send(timer)
                elif isinstance(decision, CancelTimer):
                    self._due.pop(decision.timer, None)

    def _start(self, start: StartTask) -> None:
        """A task that is started has its result scheduled; an approval without an outcome stays open."""
        key = start.attempt
        run = self.state.nodes[key.node]
        if key.node not in self._script:
            if run.planned.waits == "person":
                return
            self.send(TaskFinished(self.state.now, key, "completed", _NO_OUTPUTS))
            return
        item = run.fan.items[key.item] if run.fan is not None and key.item is not None else None
        for fact in outcome_facts(self._script.outcome(key, item), run.planned, key, self.state.now):
            self.send(fact)


@uncollected
def simulate_plan(
    plan: ExecutionPlan,
    inputs: Mapping[str, Any] | None = None,
    outcomes: Mapping[str, Script] | None = None,
    events: Sequence[tuple[float, str, Mapping[str, Any]]] = (),
    max_time: float | None = None,
) -> Simulation:
    """Run a plan in virtual time. Raises ``InputError`` for inputs that do not fit, ``OutcomeError`` for a script that is
    not of its form."""
    values = accepted_inputs(plan.definition, inputs or {})
    simulator = Simulator(plan, outcomes or {})
    system = {
        "execution_id": "simulation", "pipeline": plan.definition.name, "version": plan.definition.version,
        "initiator": "simulate", "workdir": ".",
    }  # fmt: skip
    simulator.send(Started(0.0, values, {**system, "started_at": _EPOCH, "scheduled_for": _EPOCH}), rank=-1)
    for entry in events:
        simulator.send(_fact(*entry), rank=1)
    simulator.run(max_time)
    return Simulation(simulator.state)


def _fact(at: float, name: str, payload: Mapping[str, Any] | None = None) -> Fact:
    payload = dict(payload or {})
    if name == "cancel":
        return CancelRequested(float(at), payload.get("by"), bool(payload.get("now", False)))
    if name == "pause":
        return PauseRequested(float(at), payload.get("by"))
    if name == "resume":
        return ResumeRequested(float(at), payload.get("by"))
    if not name.startswith("custom."):
        raise OutcomeError(f"event {name!r}: `custom.<name>`, `cancel`, `pause` or `resume`")
    return CustomEventSent(float(at), name.removeprefix("custom."), payload)


def outstanding(state: ExecutionState) -> list[str]:
    """The people and events that an execution waits for: approvals by node, events by name."""
    if state.ended is not None:
        return []
    found: dict[str, None] = {}
    for run in state.order:
        if run.opened:
            found[f"custom.{run.planned.awaited[1]}" if run.planned.awaited is not None else run.planned.id] = None
        elif run.state == "pending" and not run.planned.is_finally:
            found.update((name, None) for name in waits_for(state, run) if name.startswith("custom."))
    return list(found)
