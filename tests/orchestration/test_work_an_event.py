"""What one event costs, in looks and lines of code: it grows with who waits for that event, not with all who wait."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from yamlflow_nb.domain.event import CustomEventSent, Fact, Started, TaskFinished
from yamlflow_nb.executors.registry import task_types
from yamlflow_nb.language.validation import validate_text
from yamlflow_nb.orchestration import passes
from yamlflow_nb.orchestration.execution_orchestrator import decide, new_execution
from yamlflow_nb.orchestration.execution_state import ExecutionState
from yamlflow_nb.planning import plan

DEPENDENTS = 5
SLACK = 60
"""Lines that something else in the process may make meanwhile (a collection of garbage has callbacks)."""


def _waiting(nodes: int, busy: bool, start: str, kind: str = "type: python, code: pass") -> ExecutionState:
    """An execution in which so many nodes are pending, each five of them for an event of their own."""
    lines = ["name: wide", "nodes:", *(["  - {id: busy, type: python, code: pass}"] if busy else [])]
    lines += [f"  - {{id: n{i}, {kind}, startWhen: '{start.format(i // DEPENDENTS)}'}}" for i in range(nodes)]
    definition, findings = validate_text("\n".join(lines), task_types())
    assert definition is not None, findings
    state = new_execution(plan(definition, task_types()), "counted")
    decide(state, Started(0.0))
    return state


def _let_through(state: ExecutionState, number: int) -> None:
    decide(state, CustomEventSent(1.0, f"e{number}", {"n": 1}))
    for run in [run for run in state.order if run.state == "running" and run.planned.id != "busy"]:
        assert run.attempt is not None
        decide(state, TaskFinished(1.0, run.attempt))


def _cost(state: ExecutionState, fact: Fact, monkeypatch: pytest.MonkeyPatch) -> tuple[int, int]:
    """How many nodes a fact made ``decide`` look at, and how many lines of code that took."""
    looked, steps, look = 0, 0, passes._look

    def counted(*arguments: Any) -> Any:
        nonlocal looked
        looked += 1
        return look(*arguments)

    def stepped(frame: Any, event: str, argument: Any) -> Any:
        nonlocal steps
        steps += 1
        return stepped

    monkeypatch.setattr(passes, "_look", counted)
    before = sys.gettrace()
    sys.settrace(stepped)
    try:
        decide(state, fact)
    finally:
        sys.settrace(before)
        monkeypatch.setattr(passes, "_look", look)
    return looked, steps


@pytest.mark.trust("F69")
@pytest.mark.parametrize("busy", [True, False])
@pytest.mark.parametrize("start", ["event:custom.e{}", "event:custom.e{0} && {{{{ custom.e{0}.n > 0 }}}}"])
def test_an_event_looks_at_its_dependents_alone(monkeypatch: pytest.MonkeyPatch, busy: bool, start: str) -> None:
    costs = {}
    for nodes in (1_000, 10_000):
        state = _waiting(nodes, busy, start)
        _let_through(state, 6)  # what is made once, is made now
        costs[nodes] = [_cost(state, CustomEventSent(1.0, "e7", {"n": 1}), monkeypatch)]
        started = [run for run in state.order if run.state == "running" and run.planned.id != "busy"]
        assert [run.planned.id for run in started] == ["n35", "n36", "n37", "n38", "n39"]
        costs[nodes] += [_cost(state, TaskFinished(2.0, run.attempt), monkeypatch) for run in started if run.attempt is not None]
        costs[nodes].append(_cost(state, CustomEventSent(3.0, "e7", {"n": 2}), monkeypatch))
        assert state.status == ("running" if busy else "waiting")
    assert costs[10_000][0][0] == DEPENDENTS and all(looked <= DEPENDENTS for looked, _ in costs[10_000])
    for small, large in zip(costs[1_000], costs[10_000]):
        assert large[0] == small[0] and abs(large[1] - small[1]) <= SLACK, "the same, whether 1,000 nodes are pending or 10,000"


@pytest.mark.trust("F69")
def test_what_comes_one_after_the_other_costs_the_same_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    state = _waiting(10_000, False, "event:custom.e{}")
    _let_through(state, 1)
    costs = []
    for number in range(20, 2_000, 20):
        costs.append(_cost(state, CustomEventSent(1.0, f"e{number}", {}), monkeypatch)[1])
        for run in [run for run in state.order if run.state == "running"]:
            assert run.attempt is not None
            costs[-1] += _cost(state, TaskFinished(2.0, run.attempt), monkeypatch)[1]
    assert max(costs) - min(costs) <= 6 * SLACK, "the hundredth event costs what the first did"


@pytest.mark.trust("F69")
def test_an_event_that_wait_nodes_await_reaches_these_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    costs = []
    for nodes in (1_000, 10_000):
        text = "name: wide\nnodes:\n" + "".join(f"  - {{id: n{i}, type: wait, event: custom.e{i}}}\n" for i in range(nodes))
        definition, findings = validate_text(text, task_types())
        assert definition is not None, findings
        state = new_execution(plan(definition, task_types()), "counted")
        decide(state, Started(0.0))
        decide(state, CustomEventSent(1.0, "e6", {}))
        costs.append(_cost(state, CustomEventSent(1.0, "e7", {"n": 1}), monkeypatch))
        assert [run.planned.id for run in state.order if run.state == "completed"] == ["n6", "n7"]
    assert costs[0][0] == costs[1][0] and abs(costs[0][1] - costs[1][1]) <= SLACK
