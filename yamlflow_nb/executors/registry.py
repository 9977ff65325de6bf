"""Which task types there are: those of the entry-point group ``yamlflow_nb.executors``, ours among them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

from yamlflow_nb.executors.installed import Plugins, installed_plugins

if TYPE_CHECKING:
    from collections.abc import Callable

    from yamlflow_nb.domain.ports.artifact_store import ArtifactStore
    from yamlflow_nb.domain.ports.children import Children
    from yamlflow_nb.domain.ports.settings import Settings
    from yamlflow_nb.domain.ports.task_executor import TaskExecutor
    from yamlflow_nb.domain.task_definition import TaskType

_BUILT_IN = ("approval", "http", "notebook", "pyspark", "python", "shell", "sql", "subpipeline", "wait")


class InstalledTypes(Mapping[str, "TaskType"]):
    """Every installed task type by name. Ours are loaded when they are asked for, and the environment is searched for plugins
    only when none of ours is meant: most documents name two or three types, and a cold ``validate`` is waited for."""

    def __init__(self) -> None:
        self._loaded: dict[str, TaskType] = {}
        self._plugins: Plugins | None = None

    def __getitem__(self, name: str) -> TaskType:
        if name not in _BUILT_IN:
            return self.plugins.found[name].task_type
        if name not in self._loaded:
            self._loaded[name] = import_module(f"yamlflow_nb.executors.{name}").TASK_TYPE
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter((*_BUILT_IN, *self.plugins.found))

    def __len__(self) -> int:
        return len(_BUILT_IN) + len(self.plugins.found)

    @property
    def plugins(self) -> Plugins:
        """The types of other packages."""
        if self._plugins is None:
            self._plugins = installed_plugins(_BUILT_IN)
        return self._plugins

    @property
    def refused(self) -> Mapping[str, str]:
        """Why types cannot be used that are installed, by their names."""
        return self.plugins.refused


@lru_cache(maxsize=1)
def task_types() -> InstalledTypes:
    """Every installed task type by name: ours and those of plugins."""
    return InstalledTypes()


class InstalledExecutors(Mapping[str, "TaskExecutor"]):
    """An executor for each type that can run in this process. Those of plugins are made when they are first asked for."""

    def __init__(self, ours: dict[str, TaskExecutor], settings: Settings) -> None:
        self._made = ours
        self._settings = settings

    def __getitem__(self, name: str) -> TaskExecutor:
        if name not in self._made and name not in _BUILT_IN:
            from yamlflow_nb.executors.installed import PluginExecutor

            self._made[name] = PluginExecutor(task_types().plugins.found[name], self._settings)
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._made))

    def __len__(self) -> int:
        return len(self._made)


def executors(
    artifacts: ArtifactStore,
    settings: Settings | None = None,
    children: Callable[[], Children] | None = None,
    render: Callable[[Any], str] = str,
) -> InstalledExecutors:
    """An executor for each type that can run in this process; ``settings`` has their connections and secrets, ``children`` starts
    pipelines that are nodes, ``render`` makes texts of what has statements. Plugins are not among what it lists, so that a start
    need not search for them."""
    from yamlflow_nb.domain.ports.settings import NoSettings
    from yamlflow_nb.executors.approval import ApprovalExecutor
    from yamlflow_nb.executors.http import HttpExecutor
    from yamlflow_nb.executors.notebook import NotebookExecutor
    from yamlflow_nb.executors.pyspark import PySparkExecutor
    from yamlflow_nb.executors.python import PythonExecutor
    from yamlflow_nb.executors.shell import ShellExecutor
    from yamlflow_nb.executors.sql import SQLExecutor
    from yamlflow_nb.executors.subpipeline import SubPipelineExecutor
    from yamlflow_nb.executors.wait import WaitExecutor

    ours: dict[str, TaskExecutor] = {
        "approval": ApprovalExecutor(render),
        "http": HttpExecutor(artifacts, settings),
        "notebook": NotebookExecutor(artifacts, settings),
        "pyspark": PySparkExecutor(artifacts, settings),
        "python": PythonExecutor(artifacts, settings),
        "shell": ShellExecutor(artifacts, settings),
        "sql": SQLExecutor(artifacts, settings),
        "subpipeline": SubPipelineExecutor(children),
        "wait": WaitExecutor(),
    }
    return InstalledExecutors(ours, settings or NoSettings())
