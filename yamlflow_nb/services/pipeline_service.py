"""Pipelines before they run: checked, read, written out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yamlflow_nb.domain.diagnostic import DefinitionError, Diagnostic, errors
from yamlflow_nb.domain.pipeline_definition import PipelineDefinition
from yamlflow_nb.domain.ports.catalogue import Catalogue, Kind, Published, reference_of
from yamlflow_nb.domain.task_definition import TaskType
from yamlflow_nb.language.checks.child_pipeline import is_file
from yamlflow_nb.services.packages import Lasting, pinned_packages
from yamlflow_nb.services.pipeline_source import PipelineSource, Source, read_source
from yamlflow_nb.services.published import PublishedDefinitions, newest, pin_name, pipeline_to_publish, versionless

if TYPE_CHECKING:
    from yamlflow_nb.domain.execution_plan import ExecutionPlan
    from yamlflow_nb.orchestration.simulation import Script, Simulation


_MOST_PASSES = 20


class PipelineService:
    """Everything about definitions: checked, written out, published, found again. Nothing here starts anything.

    ``catalogue`` gives where versions are kept, or None where there is no store: then nothing is known of what was published.
    """

    def __init__(self, task_types: Mapping[str, TaskType], catalogue: Callable[[], Catalogue | None] = lambda: None) -> None:
        self._task_types = task_types
        self.shelf = PublishedDefinitions(catalogue)

    def validate(self, text: str | bytes, name: str = "<text>", folder: str | Path | None = None) -> list[Diagnostic]:
        """What is wrong with a text, in the order of places; never raises. With ``folder``, child pipelines are read there."""
        if not isinstance(text, (str, bytes)):
            raise TypeError(f"validate takes the text of a document, str or bytes, not {type(text).__name__}")
        return self._read(text, name, None if folder is None else PipelineSource(text, name, Path(folder)))[1]

    def source(self, given: Source, name: str | None = None, folder: str | Path | None = None) -> PipelineSource:
        """The text behind a path or text, or of what was published (``score@1.2.0``, or ``score`` where there is no such file);
        read but not looked at. Raises ``DefinitionError`` (YF705), ``CommandError`` (YF752)."""
        if not isinstance(given, PipelineDefinition) and name is None:
            written = os.fspath(given)
            meant = reference_of(written)
            is_one = meant is not None and not Path(written).exists()
            if is_one and ("@" in written or self.shelf.find("pipeline", written) is not None):
                return self.shelf.source(written)
        return read_source(given, name, folder)

    def create(self, source: Source) -> PipelineDefinition:
        """A definition of YAML, checked with all that it names; nothing is stored until it is published or started."""
        return self.load(source)

    def publish(self, source: Source, by: str) -> tuple[Published, bool]:
        """Put a pipeline on the shelf under its name and version, for good: what is there now, and whether it is new. Raises
        ``DefinitionError`` (also YF750: no version), ``CommandError`` (YF751: the version has other content)."""
        text = self.source(source)
        return self.shelf.put(pipeline_to_publish(self.load_source(text), text, self.shelf, by, time.time()))

    def with_version(self, source: PipelineSource) -> str:
        """The text with a version that is free, where it has none. Raises ``DefinitionError``."""
        from yamlflow_nb.language.fixes import apply_fixes

        text = source.text if isinstance(source.text, str) else source.text.decode("utf-8-sig")
        definition = self.load_source(source)
        return text if definition.version is not None else apply_fixes(text, versionless(definition, self.shelf).diagnostics)

    def get(self, reference: str) -> PipelineDefinition:
        """The definition behind ``name@version``; of a bare name the newest. Raises ``CommandError`` (YF752)."""
        return self.load_source(self.shelf.source(reference))

    def newest(self) -> Sequence[Published]:
        """The newest version of each pipeline, by name."""
        return newest(self.shelf.all_of("pipeline"))

    def versions(self, name: str) -> Sequence[Published]:
        """All versions of one, the newest first. Raises ``CommandError`` (YF752)."""
        return self.shelf.versions("pipeline", name)

    def published_source(self, reference: str, pins: Mapping[str, str]) -> PipelineSource:
        """The text of a published pipeline as an execution with these pins means it. Raises ``CommandError`` (YF752)."""
        return self.shelf.pinned(pins).source(reference)

    def pins(self, definition: PipelineDefinition) -> dict[str, str]:
        """The versions that names without one stand for now: an execution keeps to them."""
        found: dict[str, str] = {}
        for kind, reference in _bare(definition):
            published = self.shelf.find(kind, reference)
            if published is not None:
                found[pin_name(kind, reference)] = published.version
        return found | pinned_packages(definition, self._task_types)

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
        return self.load_source(self.source(source, name, folder))

    def load_source(
        self, source: PipelineSource, with_files: bool = True, pins: Mapping[str, str] | None = None
    ) -> PipelineDefinition:
        """The definition of a text; ``with_files``: the child pipelines that it names are looked at too; ``pins``: as an execution
        means the names in it."""
        shelf = self.shelf if pins is None else self.shelf.pinned(pins)
        definition, found = self._read(source.text, source.name, source if with_files else None, shelf)
        if definition is None:
            raise DefinitionError(errors(found))
        return definition

    def plan(self, definition: PipelineDefinition) -> ExecutionPlan:
        """A definition made ready to run."""
        from yamlflow_nb.planning import plan

        return plan(definition, self._task_types)

    def stored_plan(self, source: PipelineSource, pins: Mapping[str, str]) -> ExecutionPlan:
        """The plan of a text with which an execution was started, as its pins have it. It was checked then; what is not installed
        any more stands in by name. Raises ``DefinitionError``."""
        from yamlflow_nb.language.validation import read_stored
        from yamlflow_nb.planning import plan

        task_types = Lasting(self._task_types, pins)
        definition, found = read_stored(source.text, task_types, source.name, self.shelf.pinned(pins))
        if definition is None:
            raise DefinitionError(errors(found))
        return plan(definition, task_types if task_types.lost else self._task_types)

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

        given = self.source(source, name)
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
            definition = self.load_source(self.source(source), with_files=False)
        return simulate_plan(self.plan(definition), inputs, outcomes, events, max_time)

    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the document, with the installed task types."""
        from yamlflow_nb.services.document_schema import document_schema

        return document_schema(self._task_types)

    def _read(
        self, text: str | bytes, name: str, files: PipelineSource | None, shelf: PublishedDefinitions | None = None
    ) -> tuple[PipelineDefinition | None, list[Diagnostic]]:
        from yamlflow_nb.language.validation import validate_text

        return validate_text(text, self._task_types, name, None if files is None else files.read_file, shelf or self.shelf)


def _bare(definition: PipelineDefinition) -> Iterator[tuple[Kind, str]]:
    """The names without a version by which a definition means what was published."""
    for name in definition.taskDefinitions:
        if "@" not in name and not definition.holds_task(name):
            yield "task", name
    for node in definition.nodes:
        task = definition.taskDefinitions.get(node.taskDefinition or "")
        fields = task.fields if task is not None else node.fields
        if (task.type if task is not None else node.type) == "subpipeline":
            named = fields.get("pipeline")
            if isinstance(named, str) and "@" not in named and "{{" not in named and not is_file(named):
                yield "pipeline", named
