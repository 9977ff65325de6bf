"""Pipelines before they run: checked, read, written out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yamlflow_nb.domain.diagnostic import DefinitionError, Diagnostic, errors
from yamlflow_nb.domain.pipeline_definition import PipelineDefinition
from yamlflow_nb.domain.task_definition import TaskType
from yamlflow_nb.services.pipeline_source import PipelineSource, Source, read_source

if TYPE_CHECKING:
    from yamlflow_nb.domain.execution_plan import ExecutionPlan
    from yamlflow_nb.orchestration.simulation import Script, Simulation


_MOST_PASSES = 20


class PipelineService:
    """Everything about definitions; nothing here starts or stores anything."""

    def __init__(self, task_types: Mapping[str, TaskType]) -> None:
        self._task_types = task_types

    def validate(self, text: str | bytes, name: str = "<text>", folder: str | Path | None = None) -> list[Diagnostic]:
        """What is wrong with a text, in the order of places; never raises. With ``folder``, child pipelines are read there."""
        if not isinstance(text, (str, bytes)):
            raise TypeError(f"validate takes the text of a document, str or bytes, not {type(text).__name__}")
        return self._read(text, name, None if folder is None else PipelineSource(text, name, Path(folder)))[1]

    def source(self, given: Source) -> PipelineSource:
        """The text behind a path or text, read but not looked at. Raises ``DefinitionError`` (YF705)."""
        return read_source(given)

    def fix(self, text: str, name: str = "<text>") -> str:
        """The text with every fix applied that one edit settles, again until none is left."""
        from yamlflow_nb.language.fixes import apply_fixes

        for _ in range(_MOST_PASSES):
            found = self.validate(text, name)
            # Errors first: a warning may only be there because of a typo, and its fix would stay in the text.
            wrong = [one for one in errors(found) if one.fix is not None]
            mended = apply_fixes(text, wrong or found)
            if mended == text:
                break
            text = mended
        return text

    def load(self, source: Source, name: str | None = None, folder: str | Path | None = None) -> PipelineDefinition:
        """The definition of a source: text, path or definition. Raises ``DefinitionError`` with all that is wrong."""
        if isinstance(source, PipelineDefinition):
            return source
        return self.load_source(read_source(source, name, folder))

    def load_source(self, source: PipelineSource, with_files: bool = True) -> PipelineDefinition:
        """The definition of a text; ``with_files``: the child pipelines that it names are looked at too."""
        definition, found = self._read(source.text, source.name, source if with_files else None)
        if definition is None:
            raise DefinitionError(errors(found))
        return definition

    def published_source(self, reference: str, pins: Mapping[str, str] | None = None) -> PipelineSource:
        raise DefinitionError([Diagnostic("YF705", "error", f"there is no published pipeline {reference}")])

    def pins(self, definition: PipelineDefinition) -> dict[str, str]:
        return {}

    def plan(self, definition: PipelineDefinition) -> ExecutionPlan:
        """A definition made ready to run."""
        from yamlflow_nb.planning import plan

        return plan(definition, self._task_types)

    def plan_text(self, definition: PipelineDefinition) -> str:
        """The document with every default written out, the derived ``startWhen`` included, and notes on what surprises."""
        from yamlflow_nb.planning.written_out import as_yaml

        return as_yaml(self.plan(definition))

    def plan_data(self, definition: PipelineDefinition) -> dict[str, Any]:
        """What ``plan_text`` writes, as plain data: ``document``, and ``notes`` with the node that each speaks of."""
        from yamlflow_nb.planning.written_out import notes, written_out

        plan = self.plan(definition)
        return {"document": written_out(plan), "notes": [note._asdict() for note in notes(plan)]}

    def planned(self, source: Source, name: str | None = None) -> dict[str, Any]:
        """A pipeline as views draw it, before anything has run. Raises ``DefinitionError``."""
        from yamlflow_nb.services.planned import planned

        given = read_source(source, name)
        return planned(self.plan(self.load_source(given)), given.name)

    def simulate(
        self,
        source: Source,
        inputs: Mapping[str, Any] | None = None,
        outcomes: Mapping[str, Script] | None = None,
        events: Sequence[tuple[float, str, Mapping[str, Any]]] = (),
        max_time: float | None = None,
    ) -> Simulation:
        """What a pipeline would do, in virtual time. Raises ``DefinitionError``, ``InputError``, ``OutcomeError``."""
        from yamlflow_nb.orchestration.simulation import simulate_plan

        if isinstance(source, PipelineDefinition):
            definition = source
        else:
            definition = self.load_source(read_source(source), with_files=False)
        return simulate_plan(self.plan(definition), inputs, outcomes, events, max_time)

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the document, with the installed task types."""
        from yamlflow_nb.services.document_schema import document_schema

        return document_schema(self._task_types)

    def _read(
        self, text: str | bytes, name: str, files: PipelineSource | None
    ) -> tuple[PipelineDefinition | None, list[Diagnostic]]:
        from yamlflow_nb.language.validation import validate_text

        return validate_text(text, self._task_types, name, None if files is None else files.read_file)
