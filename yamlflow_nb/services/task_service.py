"""Which tasks there are: the types that are installed, and the definitions that were published."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from yamlflow_nb.domain.ports.catalogue import Published
from yamlflow_nb.domain.task_definition import TaskDefinition, TaskType
from yamlflow_nb.language.published_task import is_bound_to_its_document, published_task
from yamlflow_nb.services.command_error import CommandError
from yamlflow_nb.services.pipeline_service import PipelineService
from yamlflow_nb.services.pipeline_source import Source
from yamlflow_nb.services.published import newest, task_to_publish


class TaskService:
    """The installed task types, ours and those of plugins, and the published tasks. ``runnable`` names the types that have an
    executor, ``packages`` tells which package a plugin's type comes from, ``refused`` why one that is installed cannot be used."""

    def __init__(
        self,
        task_types: Mapping[str, TaskType],
        runnable: frozenset[str],
        pipelines: PipelineService,
        packages: Mapping[str, str] | None = None,
        refused: Mapping[str, str] | None = None,
    ) -> None:
        self._task_types = task_types
        self._pipelines = pipelines
        self.runnable = runnable
        self.packages = packages or {}
        self.refused = refused or {}

    def types(self) -> dict[str, TaskType]:
        """Every task type by name."""
        return dict(sorted(self._task_types.items()))

    def type(self, name: str) -> TaskType:
        """One of them. Raises ``CommandError`` (YF760)."""
        found = self._task_types.get(name)
        if found is None:
            near = get_close_matches(name, list(self._task_types), 1)
            hint = self.refused.get(name) or (f"did you mean `{near[0]}`?" if near else "yamlflow tasks lists them")
            raise CommandError("YF760", f"there is no task type {name!r}", hint)
        return found

    def publish(self, source: Source, name: str, by: str) -> tuple[Published, bool]:
        """Put one of a document's tasks on the shelf, under the document's version: what is there now, and whether it is new.
        Raises ``DefinitionError`` (also YF750: no version), ``CommandError`` (YF751, YF753)."""
        text = self._pipelines.source(source)
        definition = self._pipelines.load_source(text)
        made = task_to_publish(definition, text, name, self._pipelines.shelf, by, time.time())
        if definition.document is not None and is_bound_to_its_document(definition.document, name, self._task_types):
            hint = "declare `inputs`, read them by name, and bind them in the nodes"
            raise CommandError("YF753", f"the task `{name}` reads names of this pipeline: elsewhere there are others", hint)
        return self._pipelines.shelf.put(made)

    def newest(self) -> Sequence[Published]:
        """The newest version of each published task, by name."""
        return newest(self._pipelines.shelf.all_of("task"))

    def versions(self, name: str) -> Sequence[Published]:
        """All versions of one, the newest first. Raises ``CommandError`` (YF752)."""
        return self._pipelines.shelf.versions("task", name)

    def get(self, reference: str) -> TaskDefinition:
        """The definition behind ``name@version``; of a bare name the newest. Raises ``CommandError`` (YF752)."""
        found = published_task(self._pipelines.shelf, reference, self._task_types)
        if found is None:
            raise self._pipelines.shelf.unknown("task", reference)
        return found
