"""Reads a text once, as every benchmark needs it: no diagnostics allowed."""

from __future__ import annotations

from yamlflow_nb.domain.pipeline_definition import PipelineDefinition
from yamlflow_nb.executors.registry import task_types
from yamlflow_nb.language.validation import validate_text


def definition_of(text: str) -> PipelineDefinition:
    definition, diagnostics = validate_text(text, task_types())
    if definition is None:
        raise RuntimeError("\n".join(diagnostic.render() for diagnostic in diagnostics[:3]))
    return definition
