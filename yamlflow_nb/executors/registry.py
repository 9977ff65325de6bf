"""Which task types there are: those of the entry-point group ``yamlflow_nb.executors``, ours among them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from yamlflow_nb.domain.pipeline_definition import CONTROL_FIELDS

if TYPE_CHECKING:
    from yamlflow_nb.domain.ports.artifact_store import ArtifactStore
    from yamlflow_nb.domain.ports.settings import Settings
    from yamlflow_nb.domain.ports.task_executor import TaskExecutor
    from yamlflow_nb.domain.task_definition import TaskType

GROUP = "yamlflow_nb.executors"
_BUILT_IN = ("approval", "http", "notebook", "pyspark", "python", "shell", "sql", "subpipeline", "wait")


class InstalledTypes(Mapping[str, "TaskType"]):
    """Every installed task type by name. Ours are loaded when they are asked for, and the environment is searched for plugins
    only when none of ours is meant: most documents name two or three types, and a cold ``validate`` is waited for."""

    def __init__(self) -> None:
        self._loaded: dict[str, TaskType] = {}
        self._plugins: dict[str, TaskType] | None = None

    def __getitem__(self, name: str) -> TaskType:
        if name not in _BUILT_IN:
            return self._installed()[name]
        if name not in self._loaded:
            self._loaded[name] = import_module(f"yamlflow_nb.executors.{name}").TASK_TYPE
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter((*_BUILT_IN, *self._installed()))

    def __len__(self) -> int:
        return len(_BUILT_IN) + len(self._installed())

    def _installed(self) -> dict[str, TaskType]:
        if self._plugins is None:
            self._plugins = _plugins()
        return self._plugins


def _plugins() -> dict[str, TaskType]:
    """The task types of other packages; one that cannot be loaded is said and left out, so that pipelines without it run."""
    from importlib.metadata import entry_points

    found: dict[str, TaskType] = {}
    for entry in entry_points(group=GROUP):
        if entry.name in _BUILT_IN or entry.name in found:
            continue
        try:
            loaded = entry.load()
            found[entry.name] = checked(getattr(loaded, "task_type", None) or loaded.TASK_TYPE)
        except Exception as error:
            warnings.warn(f"task type `{entry.name}` ({entry.value}) cannot be loaded: {error!r}", RuntimeWarning, stacklevel=2)
    return found


@lru_cache(maxsize=1)
def task_types() -> Mapping[str, TaskType]:
    """Every installed task type by name: ours and those of plugins."""
    return InstalledTypes()


def checked(kind: TaskType) -> TaskType:
    """The type itself. Raises ``TypeError`` where its fields take names that every node has."""
    taken = {field.alias or name for name, field in kind.fields.model_fields.items()} & {"type", "taskDefinition", *CONTROL_FIELDS}
    if taken:
        names = ", ".join(f"`{name}`" for name in sorted(taken))
        raise TypeError(f"the task type `{kind.name}` may not have the fields {names}: these are fields of every node")
    return kind


def executors(
    artifacts: ArtifactStore, settings: Settings | None = None, render: Callable[[Any], str] = str
) -> dict[str, TaskExecutor]:
    """An executor for each type that can run in this process; ``settings`` has their connections and secrets,
    ``render`` makes texts of what has statements."""
    from yamlflow_nb.executors.approval import ApprovalExecutor
    from yamlflow_nb.executors.notebook import NotebookExecutor
    from yamlflow_nb.executors.python import PythonExecutor
    from yamlflow_nb.executors.sql import SQLExecutor

    return {
        "approval": ApprovalExecutor(render),
        "notebook": NotebookExecutor(artifacts, settings),
        "python": PythonExecutor(artifacts, settings),
        "sql": SQLExecutor(artifacts, settings),
    }
