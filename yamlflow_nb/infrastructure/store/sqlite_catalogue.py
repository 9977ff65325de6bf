"""What was published, as rows that are written once."""

from __future__ import annotations

from dataclasses import astuple, fields
from typing import Any

from yamlflow_nb.domain.ports.catalogue import Kind, Published
from yamlflow_nb.infrastructure.store.connection import Database

_COLUMNS = ", ".join(f'"{field.name}"' for field in fields(Published))
_READ = f"SELECT {_COLUMNS} FROM published"  # noqa: S608


class SQLiteCatalogue:
    """``Catalogue``: a version that is there stays as it is."""

    database: Database

    def publish(self, published: Published) -> Published:
        key = (published.kind, published.namespace, published.name, published.version)
        with self.database.writing() as connection:
            marks = ", ".join("?" * len(fields(Published)))
            connection.execute(f"INSERT OR IGNORE INTO published ({_COLUMNS}) VALUES ({marks})", astuple(published))  # noqa: S608
            query = f"{_READ} WHERE kind = ? AND namespace = ? AND name = ? AND version = ?"
            return Published(*connection.execute(query, key).fetchone())

    def published(self, kind: Kind, namespace: str, name: str, version: str | None = None) -> Published | None:
        found = self._found("kind = ? AND namespace = ? AND name = ?", kind, namespace, name)
        return next((one for one in found if version in (None, one.version)), None)

    def catalogue(self, kind: Kind, namespace: str | None = None, name: str | None = None) -> list[Published]:
        if name is not None:
            return self._found("kind = ? AND namespace = ? AND name = ?", kind, namespace or "default", name)
        return self._found("kind = ?", kind)

    def _found(self, where: str, *values: Any) -> list[Published]:
        query = f"{_READ} WHERE {where} ORDER BY namespace, name, at DESC, rowid DESC"
        return [Published(*row) for row in self.database.rows(query, *values)]
