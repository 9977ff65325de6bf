"""The store as a thing: asked with SQL, exported, counted, backed up. Nothing here changes what ran."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from yamlflow_nb.services.command_error import CommandError

if TYPE_CHECKING:
    from yamlflow_nb.infrastructure.artifacts import LocalArtifacts

FORMATS = ("csv", "json", "parquet")


GRACE = 24 * 3600.0
"""Seconds for which an object may lie without a reference: a task may have kept it, and its result is on its way."""


class Collected(NamedTuple):
    """What was removed: ids of executions, how many objects, bytes."""

    executions: list[str]
    objects: int
    bytes: int


class StoreService:
    """One store's file, and the ``folder`` of what lies beside it; it need not be open elsewhere."""

    def __init__(self, path: Path, folder: Path | None = None) -> None:
        self.path = path
        self.folder = folder if folder is not None else path.parent

    def query(self, sql: str) -> list[dict[str, Any]]:
        """What one statement of SQL gives. Raises ``CommandError`` (YF730), also for one that would change anything."""
        from yamlflow_nb.infrastructure.store.inspection import answer

        try:
            return answer(self.path, sql)
        except ValueError as error:
            raise CommandError("YF730", str(error), "store query reads: SELECT …") from None
        except (sqlite3.Error, sqlite3.Warning) as error:
            if "interrupted" in str(error):
                raise KeyboardInterrupt from None
            raise CommandError("YF730", str(error), _hint(str(error))) from None

    def export(self, target: Path, table: str | None = None, kind: str | None = None, force: bool = False) -> dict[Path, int]:
        """One table as a file, or each as a file of a folder; how many rows each has. Raises ``CommandError``: YF729, YF731."""
        from yamlflow_nb.infrastructure.store.inspection import TABLES

        if table is not None and table not in TABLES:
            raise CommandError("YF731", f"there is no table {table!r} to export", f"tables: {', '.join(TABLES)}")
        suffix = target.suffix.lstrip(".").lower()
        whole = not suffix or target.is_dir()
        chosen = kind or ("csv" if whole else suffix)
        if chosen not in FORMATS:
            raise CommandError("YF731", f"{target}: what .{suffix} is, is not known", f"formats: {', '.join(FORMATS)}")
        names = [table] if table is not None else list(TABLES) if whole else ["executions"]
        files = {name: target / f"{name}.{chosen}" if whole else target for name in names}
        there = [str(path) for path in files.values() if path.exists()]
        if there and not force:
            raise CommandError("YF729", f"{', '.join(there)}: there already", "give another name, or --force to overwrite")
        for path in files.values():
            path.parent.mkdir(parents=True, exist_ok=True)
        return {path: self._write(path, name, chosen) for name, path in files.items()}

    def _write(self, path: Path, table: str, kind: str) -> int:
        """Whole or not at all: a full disk must not leave half a file under a whole file's name."""
        from yamlflow_nb.infrastructure.store.inspection import columns, rows
        from yamlflow_nb.infrastructure.store.table_files import WRITERS

        beside = path.with_name(f".{path.name}.new")
        try:
            count = WRITERS[kind](beside, columns(self.path, table), rows(self.path, table))
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
        return count

    def info(self) -> dict[str, Any]:
        """Where it lies, how large it is, what is in it."""
        from yamlflow_nb.infrastructure.store.inspection import counts

        states = self.query("SELECT status, count(*) AS executions FROM executions GROUP BY status ORDER BY status")
        return {
            "path": str(self.path),
            "schema": self.query("SELECT version FROM store")[0]["version"],
            "bytes": sum(one.stat().st_size for one in self.path.parent.glob(f"{self.path.name}*") if one.suffix != ".bak"),
            "executions": {row["status"]: row["executions"] for row in states},
            "rows": counts(self.path),
            "artifacts_bytes": _size(self.folder / "artifacts"),
            "runs_bytes": _size(self.folder / "runs"),
            "backups": [str(one) for one in sorted(self.path.parent.glob(f"{self.path.name}.*.bak"))],
        }

    def verify(self) -> tuple[int, list[str]]:
        """How many decisions of people there are, and what is wrong with their chain: nothing, unless somebody changed them."""
        from yamlflow_nb.infrastructure.store.decisions import verify
        from yamlflow_nb.infrastructure.store.inspection import reading

        with reading(self.path) as connection:
            return verify(connection)

    def collect(
        self, artifacts: LocalArtifacts, older_than: float | None, keep_last: int = 0, *, grace: float = GRACE, remove: bool = True
    ) -> Collected:
        """Remove executions that ended ``older_than`` seconds ago (None: none), of each pipeline not the newest ``keep_last``;
        then the files of executions that are gone, and the objects to which nothing refers, unless younger than ``grace``
        seconds. Without ``remove`` only told. Approvals stay."""
        from yamlflow_nb.infrastructure.store.connection import Database
        from yamlflow_nb.infrastructure.store.migrations import check_version, migrate
        from yamlflow_nb.infrastructure.store.retention import executions_there, old_executions, referred, remove_executions

        now = time.time()
        database = Database(self.path, migrate, check_version)
        try:
            old = [] if older_than is None else old_executions(database, now - older_than, keep_last)
            if remove:
                remove_executions(database, old)
            left = executions_there(database) - set(old)
            folders = [
                one
                for one in (self.folder / "runs").glob("*")
                if one.name not in left and (one.name in old or one.stat().st_mtime < now - grace)
            ]
            freed = sum(_size(folder) for folder in folders)
            for folder in folders if remove else ():
                shutil.rmtree(folder, ignore_errors=True)
            swept = artifacts.sweep(referred(database, old), now - grace, remove)
        finally:
            database.close()
        return Collected(old, len(swept), freed + sum(size for _, size in swept))

    def back_up(self, target: Path | None = None) -> Path:
        """A copy, whole also while pipelines run. Raises ``CommandError`` (YF729)."""
        from yamlflow_nb.infrastructure.store.inspection import back_up

        path = target or self.path.with_name(f"{self.path.name}.{time.strftime('%Y%m%d-%H%M%S')}.bak")
        if path.exists():
            raise CommandError("YF729", f"{path} is there already", "give another name")
        back_up(self.path, path)
        return path


def _hint(message: str) -> str:
    if "readonly" in message or "authoriz" in message:
        return "store query reads; the verbs of yamlflow change"
    return "yamlflow store info lists the tables"


def _size(folder: Path) -> int:
    return sum(one.stat().st_size for one in folder.rglob("*") if one.is_file()) if folder.is_dir() else 0
