"""Puts the parts together: the only file that knows both a port and what stands behind it."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from yamlflow_nb.services.command_error import CommandError
    from yamlflow_nb.services.doctor import Doctor
    from yamlflow_nb.services.execution import Execution
    from yamlflow_nb.services.execution_service import ExecutionService
    from yamlflow_nb.services.pipeline_service import PipelineService
    from yamlflow_nb.services.store_service import StoreService
    from yamlflow_nb.services.task_service import TaskService
    from yamlflow_nb.services.worker import Worker

if TYPE_CHECKING:
    from yamlflow_nb.domain.notice import Notice
    from yamlflow_nb.domain.ports.catalogue import Catalogue
    from yamlflow_nb.domain.ports.leases import Bell
    from yamlflow_nb.domain.ports.settings import Settings
    from yamlflow_nb.infrastructure.artifacts import LocalArtifacts
    from yamlflow_nb.infrastructure.store.home_copies import HomeCopies
    from yamlflow_nb.infrastructure.store.locate_store import Place
    from yamlflow_nb.infrastructure.store.sqlite_repository import SQLiteRepository


@dataclass(frozen=True)
class Services:
    """What every face speaks to."""

    pipelines: PipelineService
    executions: ExecutionService
    tasks: TaskService
    store: Path


_made: dict[Path, Services] = {}
_making = threading.Lock()
_of_the_parent: list[Services] = []


def _forked() -> None:
    """A forked child has no loop, and must not use its parent's connections: it opens the store for itself. Those of the
    parent are kept from being closed, which would take the parent's place in the file."""
    global _making
    _making = threading.Lock()
    _of_the_parent.extend(_made.values())
    _made.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)


def pipelines(store: str | Path | None = None) -> PipelineService:
    """Definitions alone: loads nothing that runs. The store is looked into only where a document names what was published, and
    only if it is there."""
    from yamlflow_nb.executors.registry import task_types
    from yamlflow_nb.services.pipeline_service import PipelineService

    return PipelineService(task_types(), lambda: _catalogue(store))


def _catalogue(store: str | Path | None) -> Catalogue | None:
    from yamlflow_nb.services.command_error import CommandError

    try:
        return services(store).pipelines.shelf.catalogue if _place(store).path.is_file() else None
    except CommandError:
        return None


def task_service(store: str | Path | None = None) -> TaskService:
    """Which task types there are, and which tasks were published where there is a store."""
    from yamlflow_nb.executors.registry import executors, task_types
    from yamlflow_nb.infrastructure.artifacts import LocalArtifacts
    from yamlflow_nb.services.task_service import TaskService

    types = task_types()
    packages = {name: plugin.package for name, plugin in types.plugins.found.items()}
    able = frozenset((*executors(LocalArtifacts(Path())), *packages))
    return TaskService(types, able, pipelines(store), packages, types.refused)


def services(store: str | Path | None = None, *, to_read: bool = False) -> Services:
    """The services on a store: ``store``, else ``YAMLFLOW_STORE``, else the user's own. Made once per process and store.

    ``to_read``: a store that was named must be there already, so that a mistyped path does not answer "no executions".
    Raises ``CommandError`` (YF711) when it cannot be opened.
    """
    place = _place(store)
    path = place.path
    if to_read and store is not None and not path.is_file():
        raise _no_store(path)
    with _making:
        found = _made.get(path)
        if found is None:
            if not _made:
                atexit.register(_close_all)
            found = _made[path] = _opened(place)
        return found


def store_service(store: str | Path | None = None) -> StoreService:
    """The store's file as it lies, looked at without the services that drive pipelines. Raises ``CommandError`` (YF711)."""
    from yamlflow_nb.services.store_service import StoreService

    place = _place(store)
    if place.network:
        _copies(place).begin()
    if not place.path.is_file():
        raise _no_store(place.path)
    return StoreService(place.path, place.folder)


def artifacts_of(folder: Path) -> LocalArtifacts:
    """Where the large objects of the store of a state folder lie. Raises ``CommandError`` (YF739)."""
    from yamlflow_nb.infrastructure.artifact_place import artifact_place
    from yamlflow_nb.infrastructure.configuration import ConfigurationError
    from yamlflow_nb.services.command_error import CommandError

    try:
        return artifact_place(folder / "artifacts", Path.cwd())
    except ConfigurationError as error:
        raise CommandError("YF739", str(error)) from None


def worker(store: str | Path | None = None, *, began: Callable[[Execution], None], ended: Callable[[Execution], None]) -> Worker:
    """Who drives what was started for a worker on a store. Raises ``CommandError`` (YF711)."""
    from yamlflow_nb.infrastructure.doorbell import WatchingBell
    from yamlflow_nb.infrastructure.store.sqlite_repository import SQLiteRepository
    from yamlflow_nb.services.worker import Worker

    made = services(store)
    repository = SQLiteRepository(made.store)
    return Worker(made.executions, repository, lambda rung: WatchingBell(repository.database.changes, rung), began, ended)


def doctor(store: str | Path | None = None) -> Doctor:
    """Looks at the machine, the store and the project; changes nothing."""
    from yamlflow_nb.executors.registry import task_types
    from yamlflow_nb.services.doctor import Doctor

    place = _place(store)
    return Doctor(place.path, task_types(), place.folder / "copies" if place.network else None)


def _place(store: str | Path | None) -> Place:
    from yamlflow_nb.infrastructure.store.locate_store import place_of
    from yamlflow_nb.services.command_error import CommandError

    try:
        return place_of(str(store) if store is not None else None)
    except ValueError as error:
        raise CommandError("YF711", str(error)) from None


def _no_store(path: Path) -> CommandError:
    from yamlflow_nb.services.command_error import CommandError

    return CommandError("YF711", f"there is no store {path}", "yamlflow run FILE --store PATH makes one")


def preload() -> None:
    """Load what a first run needs, so that it starts at once when it is asked for. Opens nothing."""
    from yamlflow_nb.executors.registry import task_types
    from yamlflow_nb.infrastructure.store import sqlite_repository  # noqa: F401
    from yamlflow_nb.loop import kernel_loop  # noqa: F401
    from yamlflow_nb.services import execution_service  # noqa: F401

    task_types()


def _opened(place: Place) -> Services:
    """The services on a store's file; what stops them is told in words, whatever raised it."""
    import sqlite3

    from yamlflow_nb.services.command_error import CommandError

    try:
        return _make(place)
    except (OSError, sqlite3.Error, RuntimeError) as error:
        told = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        hint = "name another with --store PATH or YAMLFLOW_STORE"
        raise CommandError("YF711", f"the store {place.path} cannot be opened: {told}", hint) from error


def read_artifact(reference: Any, store: str | Path | None = None) -> Any:
    """The object behind a reference, ``artifact:<sha256>`` or a file's path: a data frame, a value, or a path. Opens no store: a
    notebook's kernel is told by ``YAMLFLOW_ARTIFACTS`` where its run's objects lie. Raises ``FileNotFoundError``, ``TypeError``."""
    from yamlflow_nb.infrastructure.artifact_place import artifact_place
    from yamlflow_nb.infrastructure.store.locate_store import place_of

    folder = None if store is not None else os.environ.get("YAMLFLOW_ARTIFACTS")
    path = Path(folder) if folder else place_of(str(store) if store is not None else None).folder / "artifacts"
    artifacts = artifact_place(path, Path.cwd())
    if isinstance(reference, Mapping):
        if "sha256" not in reference:
            raise TypeError("a reference is what a node gives for a table or file: a mapping with `sha256`, or artifact:<sha256>")
        return artifacts.read(dict(reference))
    if str(reference).startswith("artifact:"):
        return artifacts.named(str(reference))
    found = Path(reference)
    if found.suffix == ".parquet":
        import pandas as pd

        return pd.read_parquet(found)
    return found


def _copies(place: Place) -> HomeCopies:
    from yamlflow_nb.infrastructure.process_identity import this_host
    from yamlflow_nb.infrastructure.store.home_copies import HomeCopies

    return HomeCopies(place.folder / "copies", place.path, this_host())


def _store_at(place: Place) -> SQLiteRepository:
    """The store of a place; where its home is on a network, said in one line, and copied there."""
    from yamlflow_nb.infrastructure.store.sqlite_repository import SQLiteRepository

    if not place.network:
        return SQLiteRepository(place.path)
    import logging

    from yamlflow_nb.infrastructure.store.home_copies import CopiedRepository

    logging.getLogger("yamlflow_nb").warning(
        "%s is on %s: the store lies on a local disk, %s; copies go home", place.folder, place.network, place.path
    )
    return CopiedRepository(place.path, _copies(place))


def _make(place: Place) -> Services:
    from yamlflow_nb.executors.registry import executors, task_types
    from yamlflow_nb.infrastructure.configuration import ConfiguredSettings
    from yamlflow_nb.infrastructure.patience import patient
    from yamlflow_nb.infrastructure.system_clock import SystemClock
    from yamlflow_nb.infrastructure.texts.rendering import Renderer
    from yamlflow_nb.loop.kernel_loop import KernelLoop
    from yamlflow_nb.services.execution_service import ExecutionService
    from yamlflow_nb.services.pipeline_service import PipelineService
    from yamlflow_nb.services.task_service import TaskService

    artifacts = artifacts_of(place.folder)
    store = _store_at(place)
    repository = patient(store)
    render = Renderer()
    settings = ConfiguredSettings()
    made: list[ExecutionService] = []
    able = executors(artifacts, settings, lambda: made[0].children, render)
    runs = place.folder / "runs"
    if not store.database.read_only:
        place.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        runs.mkdir(mode=0o700, exist_ok=True)
        artifacts.folder.mkdir(mode=0o700, exist_ok=True)
    loop = KernelLoop(
        repository, able, artifacts, SystemClock(), runs_folder=runs, bell=_bell(store), settings=settings,
        notifiers=_WhenNeeded(settings, render),
    )  # fmt: skip
    definitions = PipelineService(task_types(), lambda: repository)
    made.append(ExecutionService(loop, repository, artifacts, definitions, render))
    return Services(
        definitions,
        made[0],
        TaskService(task_types(), frozenset(able), definitions),
        place.path,
    )


class _WhenNeeded:
    """Notifiers, loaded with the first notice: most runs send none."""

    def __init__(self, settings: Settings, render: Callable[[Mapping[str, Any]], str]) -> None:
        self._settings = settings
        self._render = render

    def send(self, notice: Notice) -> None:
        from yamlflow_nb.infrastructure.notifiers.configured import ConfiguredNotifiers

        ConfiguredNotifiers(self._settings, self._render).send(notice)


def _bell(store: SQLiteRepository) -> Callable[[str, Callable[[], None]], Bell]:
    """How other processes ring the loop on this store."""
    from yamlflow_nb.infrastructure.doorbell import SocketBell, WatchingBell, has_sockets

    def made(owner: str, rung: Callable[[], None]) -> Bell:
        if has_sockets():
            return SocketBell(store.path, owner.rpartition("/")[2], rung)
        return WatchingBell(store.database.changes, rung)

    return made


def _close_all() -> None:
    with _making:
        for made in _made.values():
            made.executions.close()
        _made.clear()
