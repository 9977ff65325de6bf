"""Random pipelines, cut off at a random commit and gone on with: what is stored is what the facts lead to, and no node that had
completed begins again."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.loop.making import record_of
from tests.loop.memory import KeptNowhere
from tests.loop.test_shared_decide import _fact
from tests.orchestration.test_properties import Scenario, scenarios
from yamlflow_nb.domain.event import Started, TakenOver
from yamlflow_nb.domain.execution_plan import ExecutionPlan
from yamlflow_nb.domain.store_error import OwnershipLost
from yamlflow_nb.executors.registry import task_types
from yamlflow_nb.language.validation import validate_text
from yamlflow_nb.loop.kernel_loop import KernelLoop
from yamlflow_nb.loop.resume import compare, read_back
from yamlflow_nb.planning import plan
from yamlflow_nb.testing.faulty_store import faulty
from yamlflow_nb.testing.memory import InMemoryRepository
from yamlflow_nb.testing.scripted import ManualClock, ScriptedExecutor

_numbers = itertools.count(1)


def _loop(store: Any, scenario: Scenario, folder: Path, at: float = 0.0) -> KernelLoop:
    executors = ScriptedExecutor(scenario.outcomes).for_types(task_types())
    return KernelLoop(store, executors, KeptNowhere(), ManualClock(at), runs_folder=folder, chance=lambda: 0.0)


def _cut_off(store: Any, made: ExecutionPlan, name: str, scenario: Scenario, commit: int, folder: Path) -> None:
    """Driven until a commit is refused, as that of a process that slept past its lease."""
    loop = _loop(faulty(store, faults=["OwnershipLost"], at_call=commit), scenario, folder)
    later = [(_fact(*event), 1) for event in scenario.events]
    try:
        loop.start(record_of(made, name), made, Started(0.0, {}, {}), later=later)
    except OwnershipLost:
        assume(False)
    loop.settle()
    loop.close()


@given(scenarios(), st.integers(3, 12))
@settings(
    max_examples=120, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
def test_what_was_cut_off_anywhere_is_gone_on_with(tmp_path: Path, scenario: Scenario, commit: int) -> None:
    definition, _ = validate_text(yaml.safe_dump(scenario.document, sort_keys=False), task_types())
    assume(definition is not None)
    assert definition is not None
    made, store, name = plan(definition, task_types()), InMemoryRepository(), f"cut-{next(_numbers)}"
    _cut_off(store, made, name, scenario, commit, tmp_path)
    standing, record = store.standing(name), store.execution(name)
    assert standing is not None and record is not None
    assume(not standing.has_ended)
    before = store.events(name)
    completed = {node.node for node in store.nodes(name) if node.state == "completed"}

    loop = _loop(store, scenario, tmp_path, at=before[-1].at)
    epoch = loop.tenure.take(name, standing)
    assert epoch is not None
    replay = read_back(store, name, made, loop.scripted(made))
    assert compare(store, record, replay) == []
    run = loop.take_over(record, replay, epoch, TakenOver(loop.now()))
    loop.settle()
    loop.close()

    after = store.events(name)
    assert after[: len(before)] == before and [event.number for event in after] == list(range(1, len(after) + 1))
    assert not {event.source for event in after[len(before) :] if event.type.endswith(".started")} & completed
    again = read_back(store, name, made, loop.scripted(made))
    found = store.execution(name)
    assert found is not None and compare(store, found, again) == []
    assert run.state.ended is not None or run.state.status in ("waiting", "paused")
