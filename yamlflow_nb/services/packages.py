"""Which packages an execution was started with, and what has become of them since."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from yamlflow_nb.domain.pipeline_definition import PipelineDefinition
from yamlflow_nb.domain.task_definition import TaskType

_OF_TYPE: dict[str, tuple[str, ...]] = {
    "notebook": ("papermill", "nbclient", "ipykernel"), "sql": ("duckdb", "SQLAlchemy", "pandas", "pyarrow"),
    "pyspark": ("pyspark", "pandas", "pyarrow"),
}  # fmt: skip
"""By task type of ours: the packages whose version its results may hang on."""
_PREFIX, _TYPE = "package:", "type:"


def pinned_packages(definition: PipelineDefinition, task_types: Mapping[str, TaskType]) -> dict[str, str]:
    """The versions as they are now: of Python, of us, of what the task types of a definition stand on; and for each type of another
    package where it comes from and what becomes of its interrupted attempts."""
    types = {node.type for node in definition.nodes} | {task.type for task in definition.taskDefinitions.values()}
    found = {f"{_PREFIX}python": platform.python_version()}
    names = {"yamlflow_nb"}
    for name in types & set(task_types):
        kind = task_types[name or ""]
        names |= set(_OF_TYPE.get(kind.name, ()))
        if kind.package is not None:
            names.add(kind.package)
            found[f"{_TYPE}{kind.name}"] = f"{kind.package} {kind.on_interrupt}"
    found |= {f"{_PREFIX}{name}": there for name in sorted(names) if (there := _version(name)) is not None}
    return found


def recorded(pins: Mapping[str, str]) -> dict[str, str]:
    """The versions with which an execution was started, by package."""
    return {name.removeprefix(_PREFIX): there for name, there in pins.items() if name.startswith(_PREFIX)}


def changed(pins: Mapping[str, str]) -> list[str]:
    """What is another version now, or gone: ``duckdb 1.1.0 → 1.2.0``."""
    told = []
    for name, before in recorded(pins).items():
        now = platform.python_version() if name == "python" else _version(name)
        if now != before:
            told.append(f"{name} {before} → {now or 'not installed'}")
    return told


class Lasting(Mapping[str, TaskType]):
    """The task types as an execution knows them: for one that is not installed any more something stands in, so that the execution
    can be read and goes on, and the nodes of that type fail by name. ``lost`` are those."""

    def __init__(self, task_types: Mapping[str, TaskType], pins: Mapping[str, str]) -> None:
        self._task_types = task_types
        self._pins = pins
        self.lost: dict[str, TaskType] = {}

    def __getitem__(self, name: str) -> TaskType:
        found = self._task_types.get(name) or self.lost.get(name)
        if found is None:
            package, _, on_interrupt = self._pins.get(f"{_TYPE}{name}", "").partition(" ")
            found = self.lost[name] = TaskType.missing(name, package or None, on_interrupt or "ask")
        return found

    def __iter__(self) -> Iterator[str]:
        return iter({**self._task_types, **self.lost})

    def __len__(self) -> int:
        return len(self._task_types) + len(self.lost)


@cache
def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
