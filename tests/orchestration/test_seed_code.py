"""The interfaces that this product was first drawn with, used literally: event manager, variable pool, orchestrator, records."""

from __future__ import annotations

import datetime as dt
import inspect
from dataclasses import fields, is_dataclass
from typing import Any

import pytest

from yamlflow_nb.domain.decision import StartTask
from yamlflow_nb.domain.event import Event, TaskFinished
from yamlflow_nb.domain.pipeline_definition import PipelineDefinition
from yamlflow_nb.domain.variable import Variable
from yamlflow_nb.executors.registry import task_types
from yamlflow_nb.language.validation import validate_text
from yamlflow_nb.orchestration.event_manager import EventManager
from yamlflow_nb.orchestration.execution_orchestrator import ExecutionOrchestrator
from yamlflow_nb.orchestration.execution_state import ExecutionState
from yamlflow_nb.orchestration.variable_pool import VariablePool

RUN = "execution_12345"
NOON = dt.datetime(2025, 1, 15, 12, tzinfo=dt.timezone.utc)

FEATURE_ENGINEERING = """
name: feature_engineering
version: "1.0.0"
inputVariables:
  start_date: {type: date}
  end_date: {type: date}
nodes:
  - id: extract_data
    type: python
    code: pass
    inputBindings: {start: "{{ pipeline.input.start_date }}", end: "{{ pipeline.input.end_date }}"}
    outputs: {output_path: string, row_count: integer}
  - id: transform_data
    type: python
    code: pass
    startWhen: "event:extract_data.completed && {{ extract_data.row_count > 0 }}"
    inputBindings: {path: "{{ extract_data.output_path }}"}
    outputs: {output_path: string, quality_score: number}
"""


def _event(event_type: str, at: dt.datetime = NOON, payload: dict[str, Any] | None = None) -> Event:
    return Event(
        event_id=f"event_of_{event_type}",
        execution_id=RUN,
        event_type=event_type,
        timestamp=at,
        source=event_type.split(".")[0],
        payload=payload or {},
    )


def _definition(text: str = FEATURE_ENGINEERING) -> PipelineDefinition:
    definition, diagnostics = validate_text(text, task_types())
    assert definition is not None, [diagnostic.render() for diagnostic in diagnostics]
    return definition


# ------------------------------------------------------------------------------------------------ the event manager
def test_an_event_has_the_fields_of_the_first_drawing() -> None:
    assert is_dataclass(Event)
    assert [field.name for field in fields(Event)] == ["event_id", "execution_id", "event_type", "timestamp", "source", "payload"]


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("publish_event", ["self", "execution_id", "event"]),
        ("query_events", ["self", "execution_id", "event_pattern", "since"]),
        ("has_event", ["self", "execution_id", "event_pattern"]),
        ("get_event_payload", ["self", "execution_id", "event_name"]),
    ],
)
def test_the_event_manager_has_the_signatures_of_the_first_drawing(method: str, parameters: list[str]) -> None:
    assert list(inspect.signature(getattr(EventManager, method)).parameters) == parameters


def test_a_published_event_can_be_queried() -> None:
    event_manager = EventManager()
    event = _event("extract_data.completed", payload={"row_count": 3})
    event_manager.publish_event(RUN, event)
    assert event_manager.has_event(RUN, "extract_data.completed")
    (found,) = event_manager.query_events(RUN, "extract_data.completed")
    assert (found.event_type, found.execution_id, found.source) == ("extract_data.completed", RUN, "extract_data")
    assert (found.timestamp, found.payload) == (NOON, {"row_count": 3})


def test_publishing_returns_nothing_and_triggers_nothing() -> None:
    event_manager = EventManager()
    assert event_manager.publish_event(RUN, _event("a.completed")) is None
    assert [event.event_type for event in event_manager.query_events(RUN, "*")] == ["a.completed"]


def test_events_come_in_the_order_in_which_they_were_published() -> None:
    event_manager = EventManager()
    for name in ("b.started", "a.started", "b.completed"):
        event_manager.publish_event(RUN, _event(name))
    assert [event.event_type for event in event_manager.query_events(RUN, "*.*")] == ["b.started", "a.started", "b.completed"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [("extract_*.completed", 2), ("extract_a.*", 2), ("*.failed", 1), ("*", 4), ("audit.completed", 0), ("extract_.completed", 0)],
)
def test_a_pattern_finds_events(pattern: str, found: int) -> None:
    event_manager = EventManager()
    for name in ("extract_a.started", "extract_a.completed", "extract_b.completed", "load.failed"):
        event_manager.publish_event(RUN, _event(name))
    assert len(event_manager.query_events(RUN, pattern)) == found
    assert event_manager.has_event(RUN, pattern) is (found > 0)


def test_since_leaves_out_what_came_before() -> None:
    event_manager = EventManager()
    event_manager.publish_event(RUN, _event("a.started", NOON))
    event_manager.publish_event(RUN, _event("a.completed", NOON + dt.timedelta(seconds=5)))
    later = event_manager.query_events(RUN, "a.*", since=NOON + dt.timedelta(seconds=1))
    assert [event.event_type for event in later] == ["a.completed"]


def test_executions_do_not_see_each_others_events() -> None:
    event_manager = EventManager()
    event_manager.publish_event(RUN, _event("a.completed"))
    assert not event_manager.has_event("another", "a.completed")
    assert event_manager.query_events("another", "*") == []


def test_a_payload_is_found_by_the_events_name() -> None:
    event_manager = EventManager()
    event_manager.publish_event(RUN, _event("a.completed", payload={"row_count": 3}))
    assert event_manager.get_event_payload(RUN, "a.completed") == {"row_count": 3}
    assert event_manager.get_event_payload(RUN, "a.failed") is None


# ------------------------------------------------------------------------------------------------ the variable pool
def test_a_variable_has_the_fields_of_the_first_drawing() -> None:
    assert is_dataclass(Variable)
    assert [field.name for field in fields(Variable)] == ["name", "scope", "value", "type", "metadata", "created_at"]


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        ("set_variable", ["self", "execution_id", "scope", "name", "value", "type_hint"]),
        ("get_variable", ["self", "execution_id", "reference"]),
        ("resolve_expression", ["self", "execution_id", "expression"]),
        ("get_all_variables", ["self", "execution_id"]),
    ],
)
def test_the_variable_pool_has_the_signatures_of_the_first_drawing(method: str, parameters: list[str]) -> None:
    assert list(inspect.signature(getattr(VariablePool, method)).parameters) == parameters


def _filled_pool() -> VariablePool:
    pool = VariablePool()
    pool.set_variable(RUN, "pipeline.input", "start_date", "2025-01-01")
    pool.set_variable(RUN, "pipeline.input", "end_date", "2025-01-31")
    pool.set_variable(RUN, "extract_data", "output_path", "s3://bucket/data/output.parquet")
    pool.set_variable(RUN, "extract_data", "row_count", 1000000)
    pool.set_variable(RUN, "transform_data", "output_path", "s3://bucket/data/transformed.parquet")
    pool.set_variable(RUN, "transform_data", "quality_score", 0.95)
    pool.set_variable(RUN, "system", "execution_id", RUN)
    pool.set_variable(RUN, "system", "started_at", "2025-01-15T10:00:00Z")
    return pool


@pytest.mark.parametrize(
    ("reference", "value"),
    [
        ("pipeline.input.start_date", "2025-01-01"),
        ("extract_data.row_count", 1000000),
        ("transform_data.quality_score", 0.95),
        ("system.execution_id", RUN),
    ],
)
def test_a_variable_is_read_by_its_dotted_name(reference: str, value: Any) -> None:
    assert _filled_pool().get_variable(RUN, reference) == value


def test_all_variables_are_there_for_debugging() -> None:
    everything = _filled_pool().get_all_variables(RUN)
    assert everything["pipeline.input.start_date"] == "2025-01-01"
    assert everything["extract_data.row_count"] == 1000000
    assert len(everything) == 8


def test_dots_lead_into_objects() -> None:
    pool = VariablePool()
    pool.set_variable(RUN, "node_a", "result", {"path": {"bucket": "b"}, "parts": [1, 2]})
    assert pool.get_variable(RUN, "node_a.result.path.bucket") == "b"
    assert pool.get_variable(RUN, "node_a.result.parts") == [1, 2]


def test_a_variable_that_is_not_there_is_an_error_that_names_it() -> None:
    with pytest.raises(KeyError, match="nobody"):
        _filled_pool().get_variable(RUN, "nobody.count")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("{{ node_a.count + node_b.count }}", 5),
        ("{{ node_a.count > 1 }}", True),
        ("{{ node_a.count }} and {{ node_b.count }}", "2 and 3"),
        ("no expression", "no expression"),
    ],
)
def test_an_expression_is_resolved(expression: str, value: Any) -> None:
    pool = VariablePool()
    pool.set_variable(RUN, "node_a", "count", 2)
    pool.set_variable(RUN, "node_b", "count", 3)
    resolved = pool.resolve_expression(RUN, expression)
    assert (resolved, type(resolved)) == (value, type(value))


def test_bindings_are_resolved_together() -> None:
    bindings = {"path": "{{ extract_data.output_path }}", "rows": "{{ extract_data.row_count }}", "mode": "full"}
    assert _filled_pool().resolve_bindings(RUN, bindings) == {
        "path": "s3://bucket/data/output.parquet",
        "rows": 1000000,
        "mode": "full",
    }


def test_executions_do_not_see_each_others_variables() -> None:
    pool = _filled_pool()
    assert pool.get_all_variables("another") == {}
    with pytest.raises(KeyError):
        pool.get_variable("another", "extract_data.row_count")


def test_setting_several_variables_of_a_node() -> None:
    pool = VariablePool()
    pool.set_variables(RUN, scope="node", variables={"a": 1, "b": "two"})
    assert pool.get_all_variables(RUN) == {"node.a": 1, "node.b": "two"}


@pytest.mark.parametrize(
    ("value", "hint", "kind"),
    [
        ("text", None, "string"),
        (1, None, "integer"),
        (1.5, None, "number"),
        ([1], None, "array"),
        ({"a": 1}, None, "object"),
        (1, "number", "number"),
    ],
)
def test_the_pool_knows_the_type_of_a_variable(value: Any, hint: str | None, kind: str) -> None:
    pool = VariablePool()
    pool.set_variable(RUN, "node", "v", value, hint)
    variable = pool.get_variable_record(RUN, "node", "v")
    assert (variable.name, variable.scope, variable.value, variable.type) == ("v", "node", value, kind)


def test_of_a_large_object_only_the_metadata_are_kept() -> None:
    reference = {
        "path": "s3://bucket/a.parquet",
        "format": "parquet",
        "size": 10,
        "sha256": "0",
        "schema": {"n": "int64"},
        "rows": 3,
    }
    pool = VariablePool()
    pool.set_variable(RUN, "extract_data", "result", reference)
    variable = pool.get_variable_record(RUN, "extract_data", "result")
    assert variable.type == "dataframe"
    assert variable.metadata is not None and variable.metadata["path"] == "s3://bucket/a.parquet" and variable.metadata["rows"] == 3


# ------------------------------------------------------------------------------------------------ the orchestrator
def _started() -> tuple[ExecutionOrchestrator, ExecutionState]:
    orchestrator = ExecutionOrchestrator(EventManager(), VariablePool(), task_types())
    inputs = {"start_date": dt.date(2025, 1, 1), "end_date": dt.date(2025, 1, 31)}
    return orchestrator, orchestrator.start_execution(_definition(), inputs, execution_id=RUN)


def test_starting_creates_the_execution_with_its_inputs_and_its_first_event() -> None:
    orchestrator, execution = _started()
    assert execution.status == "running"
    assert orchestrator.event_manager.has_event(RUN, "pipeline.started")
    assert orchestrator.variable_pool.get_variable(RUN, "pipeline.input.start_date") == dt.date(2025, 1, 1)
    assert set(execution.nodes) == {"extract_data", "transform_data"}
    assert execution.nodes["transform_data"].state == "pending"


def test_a_node_whose_trigger_is_true_is_handed_out_with_its_resolved_bindings() -> None:
    orchestrator, execution = _started()
    (start,) = orchestrator.starts(RUN)
    assert isinstance(start, StartTask)
    assert start.attempt.node == "extract_data" and start.type == "python"
    assert start.inputs == {"start": dt.date(2025, 1, 1), "end": dt.date(2025, 1, 31)}
    assert execution.nodes["extract_data"].state == "running"


def test_the_main_loop_of_the_first_drawing_runs_a_pipeline_to_its_end() -> None:
    orchestrator, execution = _started()
    results = {
        "extract_data": {"output_path": "s3://bucket/data/output.parquet", "row_count": 1000000},
        "transform_data": {"output_path": "s3://bucket/data/transformed.parquet", "quality_score": 0.95},
    }
    clock, begun = 0.0, []
    running = orchestrator.starts(RUN)
    while execution.status == "running":
        task = running.pop(0)
        begun.append(task.attempt.node)
        clock += 1
        turn = orchestrator.advance(RUN, TaskFinished(clock, task.attempt, outputs=results[task.attempt.node]))
        running += [decision for decision in turn.decisions if isinstance(decision, StartTask)]
    assert begun == ["extract_data", "transform_data"]
    assert execution.status == "completed"
    assert execution.nodes["transform_data"].outputs["quality_score"] == 0.95
    assert orchestrator.variable_pool.get_variable(RUN, "extract_data.row_count") == 1000000
    assert orchestrator.event_manager.has_event(RUN, "pipeline.completed")


@pytest.mark.parametrize(("row_count", "state"), [(1, "running"), (0, "skipped")])
def test_a_trigger_asks_the_events_and_the_values(row_count: int, state: str) -> None:
    orchestrator, execution = _started()
    (start,) = orchestrator.starts(RUN)
    assert execution.nodes["transform_data"].state == "pending"
    orchestrator.advance(RUN, TaskFinished(1.0, start.attempt, outputs={"output_path": "p", "row_count": row_count}))
    assert orchestrator.event_manager.has_event(RUN, "extract_data.completed")
    assert execution.nodes["transform_data"].state == state


def test_a_result_that_comes_twice_changes_nothing() -> None:
    orchestrator, _ = _started()
    (start,) = orchestrator.starts(RUN)
    finished = TaskFinished(1.0, start.attempt, outputs={"output_path": "p", "row_count": 1})
    orchestrator.advance(RUN, finished)
    before = len(orchestrator.event_manager.query_events(RUN, "*"))
    orchestrator.advance(RUN, finished)
    assert len(orchestrator.event_manager.query_events(RUN, "*")) == before
