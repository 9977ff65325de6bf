"""Task types of other packages, found by their entry points. One that cannot be used is said and left out."""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from yamlflow_nb.domain.pipeline_definition import CONTROL_FIELDS
from yamlflow_nb.domain.task_definition import TaskFields, TaskType

if TYPE_CHECKING:
    from yamlflow_nb.domain.ports.settings import Settings
    from yamlflow_nb.domain.ports.task_executor import TaskExecutor
    from yamlflow_nb.domain.work import Later, Work

GROUP = "yamlflow_nb.executors"
API = 1
"""The number of the promise that ``yamlflow_nb.plugins`` makes; a class says by ``api`` for which one it was written."""
_NAME = re.compile(r"[a-z][a-z0-9_]*")


class UnusablePlugin(TypeError):
    """Why a plugin is not used."""


@dataclass(frozen=True)
class Plugin:
    """One type of another package: ``package`` is its distribution, with its version."""

    task_type: TaskType
    executor: type[Any]
    package: str


@dataclass(frozen=True)
class Plugins:
    """What the environment holds: types that can be used, and why others cannot, by their names."""

    found: Mapping[str, Plugin] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)


def installed_plugins(taken: Collection[str]) -> Plugins:
    """Search the environment. ``taken`` are the names of our own types."""
    from importlib.metadata import entry_points

    found: dict[str, Plugin] = {}
    refused: dict[str, str] = {}
    for entry in entry_points(group=GROUP):
        if _is_ours(entry):
            continue
        package = _package(entry)
        try:
            if entry.name in taken or entry.name in found:
                raise UnusablePlugin(f"there is another type `{entry.name}` already")
            kind, executor = _looked_at(entry.name, entry.load(), package)
            found[entry.name] = Plugin(replace(kind, package=_distribution(entry)), executor, package)
        except Exception as error:
            why = str(error) if isinstance(error, UnusablePlugin) else repr(error)
            told = f"task type `{entry.name}` ({package}, {entry.value}) cannot be loaded: {why}"
            refused.setdefault(entry.name, told)
            warnings.warn(told, RuntimeWarning, stacklevel=2)
    return Plugins(found, refused)


def _is_ours(entry: Any) -> bool:
    return str(entry.value).startswith("yamlflow_nb.executors.")


def _distribution(entry: Any) -> str | None:
    """What pip installs."""
    distribution = getattr(entry, "dist", None)
    return None if distribution is None else str(distribution.name)


def _package(entry: Any) -> str:
    distribution = getattr(entry, "dist", None)
    return f"{distribution.name} {distribution.version}" if distribution is not None else "no package"


def _looked_at(name: str, executor: Any, package: str) -> tuple[TaskType, type[Any]]:
    """The type and its class. Raises ``UnusablePlugin``."""
    if not isinstance(executor, type):
        raise UnusablePlugin("an entry point names the executor's class, `package.module:Class`")
    api = getattr(executor, "api", None)
    if api != API:
        from importlib.metadata import version

        asked = "says for no `api` of plugins that it was made" if api is None else f"was made for `api = {api}` of plugins"
        ours = f"yamlflow_nb {version('yamlflow_nb')} has `api = {API}`"
        raise UnusablePlugin(f"{package} {asked}, {ours}: install versions that fit")
    kind = getattr(executor, "task_type", None)
    if not isinstance(kind, TaskType) or not callable(getattr(executor, "execute", None)):
        raise UnusablePlugin("the class needs `task_type`, a TaskType, and `execute(work)`")
    if kind.name != name or not _NAME.fullmatch(name):
        raise UnusablePlugin(f"the entry point is called `{name}`, its type `{kind.name}`: one name, [a-z][a-z0-9_]*")
    if kind.waits is not None:
        raise UnusablePlugin("`waits` is for types of yamlflow_nb itself")
    return checked(kind), executor


def checked(kind: TaskType) -> TaskType:
    """The type itself. Raises ``UnusablePlugin`` where its fields are none, or take names that every node has."""
    if not (isinstance(kind.fields, type) and issubclass(kind.fields, TaskFields)):
        raise UnusablePlugin(f"the fields of `{kind.name}` are a model that derives from TaskFields")
    taken = {field.alias or name for name, field in kind.fields.model_fields.items()} & {"type", "taskDefinition", *CONTROL_FIELDS}
    if taken:
        names = ", ".join(f"`{name}`" for name in sorted(taken))
        raise UnusablePlugin(f"the task type `{kind.name}` may not have the fields {names}: these are fields of every node")
    return kind


class PluginExecutor:
    """A plugin's executor with what is configured: its secrets are found, and masked in all that it leaves."""

    api = API

    def __init__(self, plugin: Plugin, settings: Settings) -> None:
        self.task_type = plugin.task_type
        self._plugin = plugin
        self._executor: TaskExecutor | None = None
        self._settings = settings

    def execute(self, work: Work) -> Mapping[str, Any] | Later:
        """Let the plugin work, with fields that fit its model. Raises ``TaskFailed``."""
        from yamlflow_nb.executors.given_secrets import give_secrets

        give_secrets(work, self._settings)
        work.fields = _fitting(self.task_type, work.fields)
        if self._executor is None:
            # Here: a class that cannot be made fails its nodes, not the loop.
            self._executor = self._plugin.executor()
        return self._executor.execute(work)


def _fitting(task_type: TaskType, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields as the model has them, defaults filled in: what came from values of the run was not looked at before. Raises
    ``TaskFailed``."""
    from pydantic import ValidationError

    from yamlflow_nb.domain.work import TaskFailed

    try:
        return task_type.fields.model_validate(dict(fields)).model_dump(by_alias=True)
    except ValidationError as error:
        told = "; ".join(f"`{'.'.join(map(str, one['loc'])) or task_type.name}`: {one['msg']}" for one in error.errors())
        raise TaskFailed("FieldError", told) from None
