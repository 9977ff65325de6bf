"""stored facts → the same state, or a loud difference"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from yamlflow_nb.domain.decision import DROPPED, CancelTimer, FinishExecution, SetTimer, StoredEvent
from yamlflow_nb.domain.event import Fact, TimerFired
from yamlflow_nb.domain.execution_plan import ExecutionPlan
from yamlflow_nb.domain.ports.repository import NodeRecord
from yamlflow_nb.orchestration.execution_orchestrator import decide, new_execution
from yamlflow_nb.orchestration.execution_state import ExecutionState

_SHOWN = 5
"""Differences that are told; more are counted."""


class Replay:
    """The state that stored facts lead to: the same ``decide``, its decisions carried out by nobody.

    ``timers`` are those still set, by name; ``facts`` counts what was taken in. ``add`` takes in what came later.
    """

    def __init__(self, plan: ExecutionPlan, execution_id: str, scripted: frozenset[str] = frozenset()) -> None:
        self.state: ExecutionState = new_execution(plan, execution_id)
        self.state.scripted = scripted
        self.state.rationed = True
        self.timers: dict[str, SetTimer] = {}
        self.variables: dict[str, Any] = {}
        self.facts = 0

    def add(self, facts: Iterable[Fact]) -> bool:
        """Take in further facts; whether there were any."""
        before = self.facts
        for fact in facts:
            self.facts += 1
            if isinstance(fact, TimerFired):
                self.timers.pop(fact.timer, None)
            turn = decide(self.state, fact)[1]
            for scope, name, value in turn.variables:
                if value is DROPPED:
                    self.variables.pop(f"{scope}.{name}", None)
                else:
                    self.variables[f"{scope}.{name}"] = value
            for decision in turn.decisions:
                if isinstance(decision, SetTimer):
                    self.timers[decision.timer] = decision
                elif isinstance(decision, CancelTimer):
                    self.timers.pop(decision.timer, None)
                elif isinstance(decision, FinishExecution):
                    self.timers.clear()
        return self.facts != before


def differences(
    replay: Replay, status: str, events: Sequence[StoredEvent], nodes: Iterable[NodeRecord], variables: Mapping[str, Any]
) -> list[str]:
    """Where the stored projections are not what the facts lead to; empty when they agree."""
    state = replay.state
    found: list[str] = []
    if status != state.status:
        found.append(f"the execution is stored as {status}, its facts make it {state.status}")
    rows = state.log.rows
    if len(events) != len(rows):
        found.append(f"{len(events)} events are stored, the facts make {len(rows)}")
    for stored, made in zip(events, rows):
        if _told(stored) != _told(made):
            found.append(f"event {made.number} is stored as {stored.type}, the facts make it {made.type}")
            break
    for node in nodes:
        run = state.nodes.get(node.node)
        seen = None if run is None else (run.state, run.reason)
        if seen != (node.state, node.reason):
            found.append(f"`{node.node}` is stored as {node.state}, its facts make it {seen[0] if seen else 'no node'}")
    found += _different_values(variables, replay.variables)
    return found if len(found) <= _SHOWN else [*found[:_SHOWN], f"and {len(found) - _SHOWN} more"]


def _told(event: StoredEvent) -> tuple[int, str, str, int]:
    return event.number, event.type, event.source, event.round


def _different_values(stored: Mapping[str, Any], made: Mapping[str, Any]) -> list[str]:
    """Values that are NaN are equal to themselves here."""
    return [
        f"the value of `{name}` is not the one that the facts give"
        for name in sorted({*stored, *made})
        if name not in stored or name not in made or not (stored[name] == made[name] or repr(stored[name]) == repr(made[name]))
    ]
