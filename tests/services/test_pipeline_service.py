"""Definitions before they run."""

from __future__ import annotations

from pathlib import Path

import pytest

from yamlflow_nb import DefinitionError
from yamlflow_nb.domain.pipeline_definition import CONTROL_FIELDS, PIPELINE_FIELDS, PipelineDefinition
from yamlflow_nb.executors.registry import task_types
from yamlflow_nb.services.command_error import CommandError
from yamlflow_nb.services.pipeline_service import PipelineService
from yamlflow_nb.services.pipeline_source import read_source

TEXT = "name: one\nnodes: [{id: a, type: python, code: pass}]\n"


@pytest.fixture
def service() -> PipelineService:
    return PipelineService(task_types())


def test_a_text_is_loaded(service: PipelineService) -> None:
    assert service.load(TEXT).name == "one"


def test_a_path_is_loaded_and_messages_name_it(service: PipelineService, tmp_path: Path) -> None:
    path = tmp_path / "one.pipeline.yaml"
    path.write_text(TEXT.replace("python", "pythn"))
    with pytest.raises(DefinitionError, match=r"one\.pipeline\.yaml:2:"):
        service.load(path)
    path.write_text(TEXT)
    assert service.load(str(path)).name == service.load(path).name == "one"


def test_validate_returns_what_load_raises(service: PipelineService) -> None:
    text = TEXT.replace("python", "pythn")
    with pytest.raises(DefinitionError) as raised:
        service.load(text)
    assert service.validate(text) == raised.value.diagnostics
    assert service.validate(TEXT) == []


def test_a_definition_without_a_text_cannot_be_started() -> None:
    with pytest.raises(CommandError, match="YF710"):
        read_source(PipelineDefinition(name="made"))


def test_a_plan_shows_the_derived_start(service: PipelineService) -> None:
    assert "startWhen: event:pipeline.started" in service.plan_text(service.load(TEXT))


def test_simulate_takes_what_start_takes(service: PipelineService) -> None:
    assert service.simulate(TEXT, outcomes={"a": {"state": "failed"}}).status == "failed"


def test_the_schema_knows_every_field_and_every_task_type(service: PipelineService) -> None:
    schema = service.schema()
    assert set(schema["properties"]) == set(PIPELINE_FIELDS)
    assert set(CONTROL_FIELDS) <= set(schema["$defs"]["node"]["properties"])
    assert {f"type_{name}" for name in task_types()} <= set(schema["$defs"])


@pytest.mark.parametrize("text", ["name: x", "{name: x}", "- a", "nodes:", "", "a\nb"])
def test_what_looks_like_yaml_is_a_text(text: str) -> None:
    assert read_source(text).name == "<text>"
