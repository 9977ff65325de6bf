"""pipeline → what it would do: simulate, validate and the doubles for tests of pipelines. Public.

``simulate`` is the real state machine in virtual time; ``ScriptedExecutor`` and ``ManualClock`` (in ``testing.scripted``)
drive the real loop without doing the work; ``InMemoryRepository`` is a store that is gone with its process, and
``FaultyStore`` one that fails as stores do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Union

from yamlflow_nb.domain.diagnostic import DefinitionError, Diagnostic, InputError
from yamlflow_nb.domain.pipeline_definition import PipelineDefinition
from yamlflow_nb.executors.registry import task_types
from yamlflow_nb.language.fixes import apply_fixes
from yamlflow_nb.language.validation import validate_text
from yamlflow_nb.orchestration.simulation import OutcomeError, Simulation, simulate_plan
from yamlflow_nb.planning import plan
from yamlflow_nb.testing.faulty_store import FaultyStore
from yamlflow_nb.testing.memory import InMemoryRepository

Source = Union[str, "PathLike[str]", PipelineDefinition]


def simulate(
    definition: Source,
    inputs: Mapping[str, Any] | None = None,
    outcomes: Mapping[str, Any] | None = None,
    events: Sequence[tuple[float, str, Mapping[str, Any]]] = (),
    max_time: float | None = None,
) -> Simulation:
    """Run a pipeline in virtual time: nothing is executed, no file is read but the definition.

    ``definition`` is YAML text, a path or a ``PipelineDefinition``. Raises ``DefinitionError`` for an invalid one,
    ``InputError`` for inputs that do not fit and ``OutcomeError`` for outcomes that are none; each has ``.diagnostics``.

    >>> simulate("{name: one, nodes: [{id: a, type: python, code: pass}]}").status
    'completed'
    """
    return simulate_plan(plan(_definition(definition), task_types()), inputs, outcomes, events, max_time)


def validate(text: str | bytes) -> list[Diagnostic]:
    """What is wrong with a pipeline's text, in order of place; never raises, whatever the text."""
    return validate_text(text, task_types())[1]


def _definition(source: Source) -> PipelineDefinition:
    if isinstance(source, PipelineDefinition):
        return source
    text, name = _text(source)
    definition, found = validate_text(text, task_types(), name)
    if definition is None:
        raise DefinitionError(found)
    return definition


def _text(source: str | PathLike[str]) -> tuple[str | bytes, str]:
    """A path where it can be one (no line break, an ending of ours), else the text itself."""
    if not isinstance(source, str) or ("\n" not in source and source.endswith((".yaml", ".yml"))):
        return Path(source).read_bytes(), str(source)
    return source, "<text>"


__all__ = [
    "DefinitionError", "Diagnostic", "FaultyStore", "InMemoryRepository", "InputError", "OutcomeError", "Simulation", "apply_fixes",
    "simulate", "validate",
]  # fmt: skip
