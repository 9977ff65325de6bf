"""One execution as it stands: nodes, facts, truth, history. Advanced by ``decide`` alone; it never reads a clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from yamlflow_nb.domain.decision import DROPPED, CancelTimer, Decision, SetTimer, StopTask, StoredEvent, Turn
from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.domain.event import ApprovalDecided, AttemptKey, PlaceRefused
from yamlflow_nb.domain.execution_plan import FALSE, TRUE, UNKNOWN, ExecutionPlan, PlannedNode
from yamlflow_nb.orchestration.event_manager import EventLog
from yamlflow_nb.orchestration.lifecycle import ACTIVE, TERMINAL, TRANSITIONS, IllegalTransition, ending_events
from yamlflow_nb.orchestration.truth import Truth
from yamlflow_nb.orchestration.variable_pool import Variables

_row = tuple.__new__
"""Makes a ``StoredEvent`` from a tuple: the hot path of every commit."""


class ItemRun:
    """One item of a ``forEach``, or one iteration of a ``repeat``: its attempts and its result."""

    __slots__ = (
        "attempt",
        "attempt_started",
        "cached",
        "early",
        "error",
        "error_type",
        "escalated",
        "failed_outputs",
        "fields",
        "inputs",
        "number",
        "outputs",
        "reason",
        "series_started",
        "started_at",
        "state",
    )

    def __init__(self) -> None:
        self.state = "pending"
        self.reason: str | None = None
        self.number = 0
        self.attempt: AttemptKey | None = None
        self.started_at: float | None = None
        self.early: dict[str, Any] | None = None
        self.series_started = 0.0
        self.attempt_started = 0.0
        self.escalated = False
        self.cached: Mapping[str, Any] | None = None
        """What the cache said to the last attempt: from which execution its result is, or which part had changed."""
        self.outputs: Mapping[str, Any] = {}
        self.failed_outputs: Mapping[str, Any] = {}
        self.error: Diagnostic | None = None
        self.error_type = ""
        self.inputs: Mapping[str, Any] | None = None
        self.fields: Mapping[str, Any] | None = None


class Fan:
    """The items of a ``forEach`` node."""

    __slots__ = ("active", "completed", "concluded", "failed", "items", "next", "ready", "runs", "stopped", "waiting")

    def __init__(self, items: list[Any]) -> None:
        self.items = items
        self.runs = [ItemRun() for _ in items]
        self.next = 0
        self.ready: deque[int] = deque()
        self.active = 0
        self.completed = 0
        self.failed = 0
        self.concluded = False
        self.stopped = False
        self.waiting: set[int] = set()
        """Items that only people or events can move, of those at work."""


class NodeRun(ItemRun):
    """One node in one execution (the seed's NodeExecution): state, attempts, outputs, error."""

    __slots__ = (
        "ending",
        "event_payloads",
        "extra",
        "fan",
        "finished_at",
        "ignored",
        "index",
        "iterated",
        "iteration",
        "iterations_done",
        "last_number",
        "notes",
        "opened",
        "planned",
        "reused",
        "why",
    )

    def __init__(self, planned: PlannedNode) -> None:
        super().__init__()
        self.planned = planned
        self.index = planned.index
        self.finished_at: float | None = None
        self.ending: tuple[str, ...] = ()
        self.extra: list[str] = []
        self.event_payloads: dict[str, Mapping[str, Any]] | None = None
        self.fan: Fan | None = None
        self.iteration = 0
        self.iterations_done = 0
        self.iterated: Mapping[str, Any] = {}
        """What the last iteration that succeeded has output."""
        self.last_number = 0
        """Attempts of the iteration before, while the next one waits for its delay."""
        self.ignored = False
        self.opened = False
        self.why: str | None = None
        self.reused: str | None = None
        """The execution in which it ran, where a fork took its result over."""
        self.notes: tuple[str, ...] = ()
        """What its attempts of this round noted, the newest."""

    @property
    def id(self) -> str:
        return self.planned.id

    @property
    def attempts(self) -> int:
        """Attempts of the node (of its last iteration); a ``forEach`` container that ran counts one."""
        if self.fan is not None:
            return 0 if self.started_at is None else 1
        return self.number or self.last_number

    def has(self, event: str) -> bool:
        """Whether one of its events is stored in this round."""
        return event in self.ending or event in self.extra


class ExecutionState:
    """Everything that is known of one execution.

    ``status`` is one of ``running waiting paused completed failed cancelled``; ``reason`` says why it ended as it did.
    ``nodes`` maps ids to ``NodeRun``; ``log`` is the history; ``variables`` the pool's values of this execution.
    """

    def __init__(
        self, plan: ExecutionPlan, execution_id: str, log: EventLog | None = None, variables: Variables | None = None
    ) -> None:
        self.plan = plan
        self.execution_id = execution_id
        self.log = log if log is not None else EventLog(execution_id)
        self.variables = variables if variables is not None else Variables()
        self.order = [NodeRun(planned) for planned in plan.nodes]
        self.nodes: dict[str, NodeRun] = {run.planned.id: run for run in self.order}
        self.truth = Truth(plan.network, self._evaluate_gate)
        self.turn = Turn()
        self.now = 0.0
        self.round = 1
        self.begun = False
        self.origin: str | None = None
        """The execution that this one is a fork of, or runs again."""
        self.fresh = False
        """Nothing is taken from the cache."""
        self.insisted: frozenset[str] = frozenset()
        """Nodes that are to run again, whatever the cache has."""
        self.paused = False
        self.finishing = False
        self.halted: str | None = None
        self.committing = False
        """While the decisions of a pass are carried out."""
        self.halt_next: str | None = None
        """What stops everything once they are."""
        self.cancelled = False
        self.closed = False
        self.ended: str | None = None
        self.reason: str | None = None
        self.error: Diagnostic | None = None
        self.outcome: str | None = None
        self.outputs: dict[str, Any] = {}
        self.ready: list[tuple[int, int | None]] = []
        self.active = 0
        self.open = 0
        self.kept_by = 0
        """The node that kept the execution waiting when nothing was active."""
        self.pipeline_events: set[str] = set()
        self.custom: dict[str, Mapping[str, Any]] = {}
        self.event_keys: set[str] = set()
        """Under which keys events from outside have come."""
        self.timers: dict[str, tuple[str, int, int | None]] = {}
        self.interruptions: dict[tuple[str, int, int, int | None], int] = {}
        """By node, round, iteration and item: attempts that ended with their process and do not count as tries."""
        self.asking: dict[tuple[str, int | None], AttemptKey] = {}
        """Interrupted attempts, by node and item, of which a person is to say what becomes of them."""
        self.votes: dict[AttemptKey, list[ApprovalDecided]] = {}
        """By attempt of an approval: the decisions that counted."""
        self.decided: dict[AttemptKey, ApprovalDecided] = {}
        """By attempt of an approval: the decision that ended it."""
        self.held = False
        """Whether nothing starts before ``PlaceGranted``, or a worker comes; ``reason`` says which."""
        self.refused: PlaceRefused | None = None
        self.rationed = False
        """Whether work is really done: nodes with ``resources`` wait for room in their pools, and declared outputs must come. In
        ``simulate`` there is always room, and outputs that are not given stay absent."""
        self.room_asked: dict[tuple[str, int | None], None] = {}
        """Nodes and items that wait for room."""
        self.system: dict[str, Any] = {}
        self.scripted: frozenset[str] = frozenset()
        self.evaluate_gate: Callable[[ExecutionState, int], int] | None = None

    def _evaluate_gate(self, gate: int) -> int:
        assert self.evaluate_gate is not None
        return self.evaluate_gate(self, gate)

    @property
    def status(self) -> str:
        if self.ended is not None:
            return self.ended
        if self.paused:
            return "paused"
        return "waiting" if self.held or (self.begun and self.active == self.open) else "running"

    def begin(self, inputs: Mapping[str, Any], system: Mapping[str, Any], told: Mapping[str, Any]) -> None:
        """The first fact: inputs and ``system.*`` are there, ``pipeline.started`` is stored; ``told`` stands in it too."""
        self.begun = True
        self.system = dict(system)
        self.set_values("pipeline.input", inputs)
        self.set_values("system", {**system, "round": self.round})
        self.store("pipeline", "started", {"inputs": dict(inputs), **told})
        self.pipeline_events.add("started")

    # --- recording -------------------------------------------------------------------------------------------------

    def store(self, source: str, event: str, payload: Mapping[str, Any]) -> None:
        """Append one event to the history and to this turn."""
        rows = self.log.rows
        row = _row(StoredEvent, (len(rows) + 1, self.now, f"{source}.{event}", source, payload, self.round))
        rows.append(row)
        self.turn.events.append(row)

    def decide(self, decision: Decision) -> None:
        self.turn.decisions.append(decision)

    def settle(self, source: str, event: str, verdict: int) -> None:
        """A fact is known: wake what depends on it."""
        atoms = self.plan.network.atoms_of.get(source)
        if atoms is None:
            return
        atom = atoms.get(event)
        if atom is not None and self.truth.of_atom[atom] == UNKNOWN:
            self.truth.settle(atom, verdict)
        if verdict == TRUE:
            atom = atoms.get(f"now:{event}")
            if atom is not None:
                self.truth.settle(atom, TRUE)

    def store_node_event(self, run: NodeRun, event: str, payload: Mapping[str, Any]) -> None:
        """An event of a node that goes on."""
        self.store(run.planned.id, event, payload)
        if event not in run.extra:
            run.extra.append(event)
            self.settle(run.planned.id, event, TRUE)

    def names_changed(self, name: str) -> None:
        """Values under a name (a node's id, ``custom.<name>``) changed: look again at those who read the latest."""
        for gate in self.plan.network.watchers.get(name, ()):
            self.truth.reconsider(gate)

    # --- values ------------------------------------------------------------------------------------------------------

    def set_values(self, scope: str, values: Mapping[str, Any]) -> None:
        """All values of a scope anew, in the pool and in what the turn stores."""
        before, stored = self.variables.scopes.get(scope), self.turn.variables
        self.variables.set_scope(scope, values, self.now)
        if before:
            stored.extend((scope, name, DROPPED) for name in before if name not in values)
        stored.extend((scope, name, value) for name, value in values.items())

    def drop_values(self, scope: str) -> None:
        """A scope is no longer there, in the pool and in what the turn stores."""
        before = self.variables.scopes.get(scope, ())
        self.turn.variables.extend((scope, name, DROPPED) for name in before)
        self.variables.drop_scope(scope)

    def set_value(self, scope: str, name: str, value: Any) -> None:
        """One value of a scope, in the pool and in what the turn stores."""
        self.variables.set_one(scope, name, value, None, self.now)
        self.turn.variables.append((scope, name, value))

    # --- a node's life -----------------------------------------------------------------------------------------------

    def move(self, run: NodeRun, state: str) -> None:
        """A node's next state, by the table."""
        old = run.state
        if state not in TRANSITIONS[old]:
            raise IllegalTransition(run.planned.id, old, state)
        run.state = state
        was, now = old in ACTIVE, state in ACTIVE
        if was is not now:
            self.active += 1 if now else -1
        if run.opened and state != "waiting":
            run.opened = False
            self.open -= 1
        self.turn.changed[run.planned.id] = None

    def open_to_people(self, run: NodeRun) -> None:
        """The node is active, but only people or events can move it."""
        if not run.opened:
            run.opened = True
            self.open += 1

    def end_node(
        self,
        run: NodeRun,
        state: str,
        reason: str | None,
        payload: Mapping[str, Any],
        events: tuple[str, ...] | None = None,
    ) -> None:
        """A node's terminal state, with its events, in one commit; its names are settled from here on."""
        self.move(run, state)
        planned = run.planned
        run.reason = reason
        run.finished_at = self.now
        node_id = planned.id
        run.ending = ending = ending_events(state, reason) if events is None else events
        now, number, turn_events, rows = self.now, self.round, self.turn.events, self.log.rows
        for event in ending:
            row = _row(StoredEvent, (len(rows) + 1, now, f"{node_id}.{event}", node_id, payload, number))
            rows.append(row)
            turn_events.append(row)
        if run.outputs:
            self.set_values(node_id, run.outputs)
        elif node_id in self.variables.scopes:
            self.drop_values(node_id)
        network = self.plan.network
        atoms = network.atoms_of.get(node_id)
        if atoms is not None:
            of_atom, settle = self.truth.of_atom, self.truth.settle
            for event, atom in atoms.items():
                if of_atom[atom] == UNKNOWN:
                    settle(atom, TRUE if event in ending else FALSE)
        if node_id in network.watchers:
            self.names_changed(node_id)

    def stop_work(self, run: NodeRun, reason: str) -> None:
        """Interrupt every attempt of a node, and forget its timers and what room it asked for."""
        for asked in [asked for asked in self.room_asked if asked[0] == run.planned.id]:
            del self.room_asked[asked]
        if run.attempt is not None:
            self.decide(StopTask(run.attempt, reason))
            run.attempt = None
        if run.fan is not None:
            for item in run.fan.runs:
                if item.attempt is not None:
                    self.decide(StopTask(item.attempt, reason))
                    item.attempt = None
                if item.state not in ("completed", "failed"):
                    item.state = "cancelled"
        if self.timers:
            for timer in [name for name, (_, index, _) in self.timers.items() if index == run.index]:
                self.drop_timer(timer)

    # --- timers ------------------------------------------------------------------------------------------------------

    def set_timer(self, kind: str, run: NodeRun | None, item: int | None, at: float) -> None:
        """Ask for a wake-up; a timer of the same kind and owner is replaced."""
        name = timer_name(kind, run, item)
        self.timers[name] = (kind, -1 if run is None else run.index, item)
        self.decide(SetTimer(name, at))

    def drop_timer(self, name: str) -> None:
        if self.timers.pop(name, None) is not None:
            self.decide(CancelTimer(name))


def timer_name(kind: str, run: NodeRun | None, item: int | None) -> str:
    """``timeout:train:3``: a timer's name in the store."""
    owner = "pipeline" if run is None else run.planned.id
    return f"{kind}:{owner}" if item is None else f"{kind}:{owner}:{item}"


def event_verdict(state: ExecutionState, source: str, event: str) -> int:
    """The verdict of an event atom as it stands now."""
    if source == "custom":
        return TRUE if event in state.custom else FALSE if state.closed else UNKNOWN
    if source == "pipeline":
        if event in state.pipeline_events:
            return TRUE
        return FALSE if event in ("paused", "resumed") and state.finishing else UNKNOWN
    run = state.nodes.get(source)
    if run is None:
        return FALSE
    if run.has(event):
        return TRUE
    return FALSE if run.state in TERMINAL else UNKNOWN
