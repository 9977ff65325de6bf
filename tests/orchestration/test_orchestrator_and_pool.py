"""The orchestrator with its event manager and variable pool: what each of them holds while an execution goes on."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from yamlflow_nb.domain.event import CustomEventSent, Event, TaskFinished, TaskOutputSet, TimerFired
from yamlflow_nb.executors.registry import task_types
from yamlflow_nb.language.validation import validate_text
from yamlflow_nb.orchestration.event_manager import EventManager, timestamp
from yamlflow_nb.orchestration.execution_orchestrator import ExecutionOrchestrator
from yamlflow_nb.orchestration.keepable import UnkeepableVariable
from yamlflow_nb.orchestration.variable_pool import VariablePool

TEXT = """\
name: pool
version: "1.0"
inputVariables: {month: {type: integer, default: 3}}
nodes:
  - {id: a, type: python, code: pass, outputs: {n: integer}, retry: {maxAttempts: 2}}
  - id: b
    type: python
    code: pass
    startWhen: "event:a.completed && event:custom.go"
    inputBindings: {v: "{{ system.version }}", at: "{{ system.scheduled_for }}", by: "{{ system.initiator }}"}
"""


def _started() -> ExecutionOrchestrator:
    definition, found = validate_text(TEXT, task_types())
    assert definition is not None, found
    orchestrator = ExecutionOrchestrator(task_types=task_types())
    orchestrator.start_execution(definition, {}, "e1", at=5.0)
    return orchestrator


def _all(orchestrator: ExecutionOrchestrator) -> dict[str, Any]:
    return {
        name: value for name, value in orchestrator.variable_pool.get_all_variables("e1").items() if not name.startswith("system")
    }


def test_what_a_task_sets_early_is_in_the_pool_at_once_and_dropped_with_a_failed_attempt() -> None:
    orchestrator = _started()
    key = orchestrator.starts("e1")[0].attempt
    orchestrator.advance("e1", TaskOutputSet(6.0, key, {"n": 1}))
    assert _all(orchestrator) == {"pipeline.input.month": 3, "a.n": 1}
    orchestrator.advance("e1", TaskFinished(7.0, key, "failed"))
    assert _all(orchestrator) == {"pipeline.input.month": 3}
    assert orchestrator.execution("e1").nodes["a"].failed_outputs == {"n": 1}


def test_payloads_of_events_and_the_systems_names_are_in_the_pool() -> None:
    orchestrator = _started()
    orchestrator.advance("e1", TaskFinished(6.0, orchestrator.starts("e1")[0].attempt, "completed", {"n": 4}))
    orchestrator.advance("e1", CustomEventSent(7.0, "go", {"z": 1}))
    orchestrator.advance("e1", CustomEventSent(8.0, "go", {"z": 2}))
    pool = orchestrator.variable_pool
    assert pool.get_variable("e1", "custom.go.z") == 1
    assert pool.resolve_expression("e1", "{{ a.n + custom.go.z + pipeline.input.month }}") == 8
    assert pool.get_variable("e1", "system.round") == 1
    assert pool.get_variable("e1", "system.started_at") == dt.datetime(1970, 1, 1, 0, 0, 5, tzinfo=dt.timezone.utc)


def test_a_task_may_bind_every_name_of_the_system() -> None:
    orchestrator = _started()
    orchestrator.advance("e1", TaskFinished(6.0, orchestrator.starts("e1")[0].attempt, "completed", {"n": 4}))
    orchestrator.advance("e1", CustomEventSent(7.0, "go", {}))
    (start,) = orchestrator.starts("e1")
    assert start.inputs["v"] == "1.0" and start.inputs["by"]
    orchestrator.advance("e1", TaskFinished(8.0, start.attempt))
    assert orchestrator.execution("e1").status == "completed"
    assert orchestrator.variable_pool.get_variable("e1", "system.outcome") == "completed"


def test_a_retry_that_is_due_starts_the_next_attempt_and_a_late_result_counts_no_more() -> None:
    orchestrator = _started()
    first = orchestrator.starts("e1")[0].attempt
    orchestrator.advance("e1", TaskFinished(6.0, first, "failed"))
    orchestrator.advance("e1", TimerFired(6.0, "retry:a"))
    second = orchestrator.starts("e1")[0].attempt
    assert (first.number, second.number) == (1, 2)
    assert orchestrator.advance("e1", TaskFinished(7.0, first, "completed", {"n": 9})).events == []
    orchestrator.advance("e1", TaskFinished(8.0, second, "completed", {"n": 2}))
    assert orchestrator.variable_pool.get_variable("e1", "a.n") == 2
    assert [event.event_type for event in orchestrator.event_manager.query_events("e1", "a.*")] == [
        "a.started", "a.retrying", "a.completed", "a.passed", "a.finished",
    ]  # fmt: skip


def test_the_pool_keeps_a_value_as_it_was_given() -> None:
    pool, given = VariablePool(), {"rows": [1, 2]}
    pool.set_variable("e1", "a", "table", given)
    given["rows"].append(3)
    pool.get_variable("e1", "a.table")["rows"].append(4)
    assert pool.get_variable("e1", "a.table") == {"rows": [1, 2]}


def test_what_cannot_be_kept_is_refused_by_name_before_anything_is_written() -> None:
    pool = VariablePool()
    circle: list[Any] = []
    circle.append(circle)
    with open(__file__, encoding="utf-8") as handle:
        for value, place in ((circle, r"a\.x\[0\]"), ({"deep": {1: 2}}, r"a\.x\.deep"), ([handle], r"a\.x\[0\]")):
            with pytest.raises(UnkeepableVariable, match=place):
                pool.set_variables("e1", "a", {"fine": 1, "x": value})
    assert pool.get_all_variables("e1") == {}


def test_a_stored_event_stays_as_it_was_published() -> None:
    manager, payload = EventManager(), {"rows": [1]}
    manager.publish_event("e1", Event("1", "e1", "a.completed", timestamp(0), "a", payload))
    payload["rows"].append(2)
    told = manager.get_event_payload("e1", "a.completed")
    assert told is not None
    told["rows"].append(3)
    assert manager.get_event_payload("e1", "a.completed") == {"rows": [1]}
