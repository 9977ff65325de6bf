"""Which task types there are: those of the entry-point group ``yamlflow_nb.executors``, ours among them."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from importlib.metadata import entry_points

from yamlflow_nb.domain.pipeline_definition import CONTROL_FIELDS
from yamlflow_nb.domain.ports.artifact_store import ArtifactStore
from yamlflow_nb.domain.ports.task_executor import TaskExecutor
from yamlflow_nb.domain.task_definition import TaskType

GROUP = "yamlflow_nb.executors"
_BUILT_IN = ("approval", "http", "notebook", "pyspark", "python", "shell", "sql", "subpipeline", "wait")


@lru_cache(maxsize=1)
def task_types() -> dict[str, TaskType]:
    """Every installed task type by name: ours and those of plugins."""
    found: dict[str, TaskType] = {}
    for name in _BUILT_IN:
        found[name] = import_module(f"yamlflow_nb.executors.{name}").TASK_TYPE
    for entry in entry_points(group=GROUP):
        if entry.name not in found:
            loaded = entry.load()
            found[entry.name] = checked(getattr(loaded, "task_type", None) or loaded.TASK_TYPE)
    return found


def checked(kind: TaskType) -> TaskType:
    """The type itself. Raises ``TypeError`` where its fields take names that every node has."""
    taken = {field.alias or name for name, field in kind.fields.model_fields.items()} & {"type", "taskDefinition", *CONTROL_FIELDS}
    if taken:
        names = ", ".join(f"`{name}`" for name in sorted(taken))
        raise TypeError(f"the task type `{kind.name}` may not have the fields {names}: these are fields of every node")
    return kind


def executors(artifacts: ArtifactStore) -> dict[str, TaskExecutor]:
    """An executor for each type that can run in this process."""
    from yamlflow_nb.executors.notebook import NotebookExecutor
    from yamlflow_nb.executors.python import PythonExecutor
    from yamlflow_nb.executors.sql import SQLExecutor

    return {
        "notebook": NotebookExecutor(artifacts),
        "python": PythonExecutor(artifacts),
        "sql": SQLExecutor(artifacts),
    }
