"""What ``simulate`` shows is what a real run stores: the same events, from the same ``decide``, through loop and SQLite."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings

from tests.loop.making import record_of
from tests.loop.memory import KeptNowhere
from tests.orchestration.test_properties import Scenario, scenarios
from yamlflow_nb.domain.event import CancelRequested, CustomEventSent, Fact, PauseRequested, ResumeRequested, Started
from yamlflow_nb.domain.execution_plan import ExecutionPlan
from yamlflow_nb.executors.registry import task_types
from yamlflow_nb.infrastructure.store.sqlite_repository import SQLiteRepository
from yamlflow_nb.language.validation import validate_text
from yamlflow_nb.loop.kernel_loop import KernelLoop
from yamlflow_nb.loop.run import Run, replay
from yamlflow_nb.orchestration.simulation import Simulation, simulate_plan
from yamlflow_nb.planning import plan
from yamlflow_nb.testing.scripted import ManualClock, ScriptedExecutor

_COMMANDS = {"cancel": CancelRequested, "pause": PauseRequested, "resume": ResumeRequested}
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SQLiteRepository]:
    store = SQLiteRepository(tmp_path_factory.mktemp("store") / "store.db")
    yield store
    store.close()


def _plan(scenario: Scenario) -> ExecutionPlan:
    """The scenario's plan; pipelines that are refused are not looked at."""
    definition, _ = validate_text(yaml.safe_dump(scenario.document, sort_keys=False), task_types())
    assume(definition is not None)
    assert definition is not None
    return plan(definition, task_types())


def _fact(at: float, kind: str, payload: dict[str, Any]) -> Fact:
    command = _COMMANDS.get(kind)
    return command(at) if command else CustomEventSent(at, kind.removeprefix("custom."), payload)


def _run(repository: SQLiteRepository, made: ExecutionPlan, scenario: Scenario, folder: Path) -> Run:
    """The scenario as a real run, until nothing more happens."""
    clock = ManualClock()
    executors = ScriptedExecutor(scenario.outcomes).for_types(task_types())
    loop = KernelLoop(repository, executors, KeptNowhere(), clock, runs_folder=folder, chance=lambda: 0.0)
    later: list[tuple[Fact, int]] = [(_fact(*event), 1) for event in scenario.events]
    run = loop.start(record_of(made, f"random-{next(_numbers)}"), made, Started(0.0, {}, {}), later=later)
    loop.settle()
    loop.close()
    return run


def _told(events: Any) -> list[tuple[str, str, Any]]:
    return [(event.type, event.source, event.payload) for event in events]


def _simulated(simulation: Simulation) -> list[tuple[str, str, Any]]:
    return [(kind, kind.partition(".")[0], payload) for _, kind, payload in simulation.events]


@given(scenarios())
@settings(
    max_examples=300, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
def test_a_real_run_stores_the_events_that_simulate_shows(repository: SQLiteRepository, tmp_path: Path, scenario: Scenario) -> None:
    made = _plan(scenario)
    run = _run(repository, made, scenario, tmp_path)
    simulation = simulate_plan(made, None, scenario.outcomes, scenario.events)
    stored = repository.events(run.id)
    assert _told(stored) == _simulated(simulation)
    assert [event.at for event in stored] == [at for at, _, _ in simulation.events]
    assert (run.state.status, run.state.reason) == (simulation.status, simulation.reason)
    record = repository.execution(run.id)
    assert record is not None and (record.status, record.reason) == (simulation.status, simulation.reason)
    states = {node.node: (node.state, node.reason) for node in repository.nodes(run.id)}
    moved = {name: (node.state, node.reason) for name, node in simulation.nodes.items() if node.state != "pending"}
    assert {name: state for name, state in states.items() if state[0] != "pending"} == moved

    again = replay(made, run.id, repository.facts(run.id), frozenset(scenario.outcomes))
    assert _told(again.log.rows) == _told(stored)
    assert (again.status, again.reason, again.outputs) == (run.state.status, run.state.reason, run.state.outputs)
