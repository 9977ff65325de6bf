"""The fields of a ``pyspark`` task → which session it wants."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from yamlflow_nb.domain.work import Work

OF_THE_APPLICATION = (
    "spark.sql.catalogImplementation", "spark.sql.extensions", "spark.sql.warehouse.dir", "spark.sql.cache.serializer",
    "spark.sql.queryExecutionListeners", "spark.sql.streaming.streamingQueryListeners", "spark.sql.hive.metastore.",
    "spark.sql.globalTempDatabase", "spark.sql.ui.", "spark.sql.catalog.",
)  # fmt: skip
"""Settings of ``spark.sql`` that hold for all sessions of an application, by their beginnings."""


@dataclass(frozen=True)
class Wanted:
    """``fixed`` are settings that an application is started with, ``own`` those that each session may have for itself."""

    remote: str | None
    fixed: Mapping[str, str]
    own: Mapping[str, str]


def wanted_session(work: Work) -> Wanted:
    """What the fields ``session`` and ``remote`` ask for."""
    session = {str(name): _text(value) for name, value in (work.fields.get("session") or {}).items() if value is not None}
    remote = work.fields.get("remote") or (os.environ.get("SPARK_REMOTE") if "spark.master" not in session else None)
    own = {name for name in session if name.startswith("spark.sql.") and not name.startswith(OF_THE_APPLICATION)}
    return Wanted(
        str(remote) if remote else None,
        {name: value for name, value in session.items() if name not in own},
        {name: value for name, value in session.items() if name in own},
    )


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
