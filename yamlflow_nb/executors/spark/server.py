"""A Spark Connect server elsewhere. Each attempt gets a session of its own on it."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path
from typing import Any
from uuid import uuid4

from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.executors.spark.jobs import ServerJobs
from yamlflow_nb.executors.spark.wanted import Wanted

_MODE = "SPARK_CONNECT_MODE_ENABLED"
"""Set while sessions are remote: ``pyspark.sql.functions`` looks at it to know for whom it builds columns."""
_RETRIES = {"max_retries": 5, "max_backoff": 2000}
"""About five seconds, twice at most: pyspark's own are ten minutes, in which nobody would be told that the server is gone."""
_REACH = 10.0
_OWN = {"spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS"}


class Server:
    """The servers that this process speaks to: all of them at once, but not beside an application of its own."""

    kind = "server"
    is_own = True
    address = None

    def __init__(self) -> None:
        self.users: set[threading.Thread] = set()
        self._was_set = _MODE in os.environ
        os.environ[_MODE] = "1"

    def fits(self, wanted: Wanted) -> bool:
        return wanted.remote is not None

    def session(self, wanted: Wanted) -> Any:
        """A session for one attempt, the active one in its thread. Raises ``TaskFailed``."""
        assert wanted.remote is not None
        if wanted.fixed:
            names = ", ".join(f"`{name}`" for name in wanted.fixed)
            raise TaskFailed("SessionError", f"{names} is decided by the server {shown(wanted.remote)}, not by a node's `session`")
        client, retries = _client()
        if not _answers(wanted.remote):
            raise TaskFailed("SparkUnreachable", f"no Spark Connect server answers at {shown(wanted.remote)}")
        session = client.builder.remote(wanted.remote).create()
        client._active_session.session = session
        session.client.set_retry_policies([retries(**_RETRIES)])
        for name, value in {**_OWN, **wanted.own}.items():
            session.conf.set(name, value)
        session.url = wanted.remote
        return session

    def jobs(self, session: Any, work: Work) -> ServerJobs:
        return ServerJobs(session, work)

    def sees_files_of(self, folder: Path, session: Any) -> bool:
        """Found out by a file that only someone who sees the folder can read."""
        word = uuid4().hex
        probe = folder / f"seen-{word}.txt"
        probe.write_text(word, encoding="utf-8")
        try:
            return bool(session.read.text(f"file://{probe}").first()[0] == word)
        except Exception:
            return False
        finally:
            probe.unlink(missing_ok=True)

    def finds_modules_in(self, folder: Path) -> None:
        """Functions for Spark go to the server by value."""

    def release(self, session: Any) -> None:
        session.release_session_on_close = _answers(session.url)
        session.stop()

    def died(self) -> str | None:
        return None

    def last_lines(self) -> list[str]:
        return []

    def end(self) -> None:
        if not self._was_set:
            os.environ.pop(_MODE, None)

    forget = end


def is_gone(session: Any) -> bool:
    """Whether the server of a session answers no more."""
    return hasattr(session, "url") and not _answers(session.url)


def shown(remote: str) -> str:
    """An address without what follows the server: that may hold a token.

    >>> shown("sc://host:15002/;token=abc")
    'sc://host:15002'
    """
    return remote.split("/;")[0]


def _client() -> tuple[Any, Any]:
    try:
        from pyspark.sql.connect.client.retries import DefaultPolicy
        from pyspark.sql.connect.session import SparkSession
    except (ImportError, SystemExit):  # pyspark ends the program where one of its parts misses a package
        told = "`remote` needs the packages of Spark Connect, and not all are there: pip install 'yamlflow_nb[spark]'"
        raise TaskFailed("ModuleNotFoundError", told) from None
    return SparkSession, DefaultPolicy


def _answers(remote: str) -> bool:
    host, _, port = shown(remote).removeprefix("sc://").rstrip("/").rpartition(":")
    try:
        with socket.create_connection((host.strip("[]"), int(port)) if host else (port, 15002), _REACH):
            return True
    except (OSError, ValueError):
        return False
