"""``doctor``: what is there, what is missing, and what to do about it."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, metadata, version
from pathlib import Path
from typing import Any, Literal, NamedTuple

from yamlflow_nb.domain.store_error import StoreError
from yamlflow_nb.infrastructure.store.file_system import file_system_of, network_kind
from yamlflow_nb.services.command_error import CommandError

State = Literal["ok", "warning", "wrong"]
_LITTLE_ROOM = 200 * 1024 * 1024


class Finding(NamedTuple):
    """One line: what was looked at, how it is, and what to do where something is to be done."""

    what: str
    state: State
    told: str
    todo: str | None = None


class Doctor:
    """Looks, and changes nothing: no store is made by looking."""

    def __init__(self, store: Path, task_types: Mapping[str, Any], copies: Path | None = None) -> None:
        self._store = store
        self._copies = copies
        self._task_types = task_types

    def findings(self) -> list[Finding]:
        """Everything, in the order in which it matters."""
        machine = (_python, _sqlite, self._place, self._opens, _kernels, spark_finding, _extras)
        return [finding for part in (*machine, self._project, self._plugins) for finding in _guarded(part)]

    def _plugins(self) -> Iterator[Finding]:
        for why in getattr(self._task_types, "refused", {}).values():
            yield Finding("plugin", "warning", why, "it is left out; every other type works")

    # --- the store -------------------------------------------------------------------------------------------------

    def _place(self) -> Iterator[Finding]:
        folder = next(one for one in (self._store.parent, *self._store.parents) if one.exists())
        told = f"{self._store}{'' if self._store.is_file() else ' (not there yet)'}"
        other = "--store PATH or YAMLFLOW_STORE"
        if not os.access(folder, os.W_OK) or (self._store.is_file() and not os.access(self._store, os.W_OK)):
            yield Finding("store", "warning", f"{told}: yours to read only", f"to run pipelines name another: {other}")
        else:
            yield Finding("store", "ok", told)
        kind = file_system_of(folder)
        if network_kind(folder) is not None:
            todo = f"SQLite's locks do not hold there, so it is only looked at; name a store on a local disk: {other}"
            yield Finding("file system", "warning", f"{network_kind(folder)}, over the network", todo)
        else:
            yield Finding("file system", "ok", kind or "local, as far as can be told")
        if self._copies is not None:
            yield Finding("home", "ok", f"on the network: the store is on a local disk, copies of it go to {self._copies}")
        room = shutil.disk_usage(folder).free
        free = f"{room / 1024**3:.1f} GiB free"
        if room > _LITTLE_ROOM:
            yield Finding("room", "ok", free)
        else:
            yield Finding("room", "warning", free, "make room: a full disk pauses what runs")

    def _opens(self) -> Iterator[Finding]:
        if not self._store.is_file():
            return
        mode = self._store.stat().st_mode & 0o777
        if os.name == "posix" and mode & 0o077:
            yield Finding("rights", "warning", f"others may read the store ({mode:o})", f"chmod 600 {self._store}")
        from yamlflow_nb.services.store_service import StoreService

        try:
            service = StoreService(self._store)
            sound = service.query("PRAGMA quick_check(1)")[0]["quick_check"]
            if sound != "ok":
                raise CommandError("YF605", sound)
            found = service.info()
        except (CommandError, StoreError, sqlite3.Error, IndexError, KeyError) as error:
            told = error.diagnostics[0].message if isinstance(error, (CommandError, StoreError)) else str(error)
            todo = f"a backup lies beside it as {self._store.name}.*.bak, or sqlite3 .recover; else name another store"
            yield Finding("executions", "wrong", f"the store cannot be read: {told}", todo)
            return
        states = ", ".join(f"{count} {status}" for status, count in found["executions"].items()) or "none yet"
        yield Finding("executions", "ok", states)
        count, broken = service.verify()
        if broken:
            more = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
            yield Finding(
                "decisions", "wrong", broken[0] + more, "yamlflow store verify tells all; a backup from before shows what was"
            )
        elif count:
            yield Finding("decisions", "ok", f"{count} of people, none changed since")

    # --- the project -----------------------------------------------------------------------------------------------

    def _project(self) -> Iterator[Finding]:
        from yamlflow_nb.infrastructure.configuration import ConfigurationError, ConfiguredSettings, configuration
        from yamlflow_nb.services.pipeline_source import project_of

        here = Path().absolute()
        project = project_of(here)
        try:
            found, settings = configuration(here), ConfiguredSettings()
            connections = settings.connections(here)
            secrets = sorted(found.get("secrets", {}))
            unknown = [name for name in secrets if settings.secret(here, name) is None]
        except ConfigurationError as error:
            yield Finding("configuration", "wrong", str(error), "mend the file; its errors stop pipelines that need it")
            return
        if not found:
            yield Finding("configuration", "ok", f"none for {project}, and none is needed: yamlflow init shows one")
            return
        told = f"connections: {', '.join(connections) or 'none'}; notifiers: {', '.join(settings.notifiers(here)) or 'none'}"
        yield Finding("configuration", "ok", f"{project}; {told}")
        if unknown:
            todo = "set what [secrets] of yamlflow.toml names"
            yield Finding("secrets", "warning", f"without a value here: {', '.join(unknown)}", todo)
        elif secrets:
            yield Finding("secrets", "ok", f"{', '.join(secrets)}: there")


def _guarded(part: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    """A look that fails is a finding: a doctor that breaks off helps nobody."""
    try:
        yield from part()
    except Exception as error:
        yield Finding(part.__name__.strip("_"), "warning", f"could not be looked at: {type(error).__name__}: {error}")


def _python() -> Iterator[Finding]:
    number = ".".join(map(str, sys.version_info[:3]))
    yield Finding("yamlflow_nb", "ok", f"{version('yamlflow_nb')} in {Path(sys.prefix)}")
    yield Finding("Python", "ok", number)  # pip installs this package on none that is too old


def _sqlite() -> Iterator[Finding]:
    from yamlflow_nb.infrastructure.store.soundness import may_lose_pages

    if may_lose_pages(sqlite3.sqlite_version_info):
        told = f"{sqlite3.sqlite_version}: a rare fault when several processes write at one moment (3.7.0 to 3.51.2)"
        yield Finding("SQLite", "warning", told, "a newer Python brings a newer SQLite; one process at a time is not concerned")
    else:
        yield Finding("SQLite", "ok", sqlite3.sqlite_version)


def _kernels() -> Iterator[Finding]:
    from jupyter_client.kernelspec import KernelSpecManager

    found = KernelSpecManager().find_kernel_specs()
    if found:
        yield Finding("kernels", "ok", ", ".join(sorted(found)))
    else:
        yield Finding("kernels", "warning", "no Jupyter kernel is installed: notebook nodes cannot run", "pip install ipykernel")


def spark_finding() -> Iterator[Finding]:
    """Whether Spark can run here. Nothing is said where it is not installed: the extras tell that."""
    from yamlflow_nb.executors.spark.java import OLDEST, find_java

    if not _is_installed("pyspark"):
        return
    java = find_java()
    if java is None:
        todo = 'pip install "yamlflow_nb[spark]" brings one, or set JAVA_HOME'
        yield Finding("Spark", "warning", f"no Java {OLDEST} or newer", todo)
    else:
        yield Finding("Spark", "ok", f"pyspark {version('pyspark')} on Java {java.version} ({java.origin})")


def _extras() -> Iterator[Finding]:
    missing: list[str] = []
    there: list[str] = []
    told = metadata("yamlflow_nb")
    for extra in told.get_all("Provides-Extra") or []:
        if extra != "all":
            (there if all(map(_is_installed, _needs(told, extra))) else missing).append(extra)
    lacking = f"; not installed: {', '.join(missing)}" if missing else ""
    todo = f'pip install "yamlflow_nb[{missing[0]}]" where you need one' if missing else None
    yield Finding("extras", "ok", (", ".join(there) or "none") + lacking, todo)


def _needs(told: Any, extra: str) -> list[str]:
    lines = [line for line in told.get_all("Requires-Dist") or [] if f"extra == '{extra}'" in line or f'extra == "{extra}"' in line]
    return [line.split(";")[0].split("[")[0].split(">")[0].split("=")[0].split("<")[0].strip() for line in lines]


def _is_installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
