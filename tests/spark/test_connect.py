"""Pyspark tasks on a Spark Connect server, a real one in a process of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import yamlflow_nb as yf
from tests.executors.running import Folder, failure
from tests.spark.connect_server import ConnectServer
from tests.spark.test_sessions import NEVER_ENDING, until
from tests.spark.test_tasks import MAKE, outputs
from yamlflow_nb.executors.spark.server import Server


def test_a_query_and_a_program_run_on_the_server_and_their_tables_come_back(folder: Folder, server: ConnectServer) -> None:
    execution = folder.run(
        MAKE
        + f"""\
  - id: a
    type: pyspark
    remote: {server.url}
    sql: SELECT origin, sum(delay) AS delay FROM t WHERE delay IN :some GROUP BY origin
    inputBindings: {{t: "{{{{ make.table }}}}", some: [10, 30]}}
  - id: b
    type: pyspark
    remote: {server.url}
    inputBindings: {{t: "{{{{ a.result }}}}"}}
    outputs: {{n: integer, table: dataframe, kind: string}}
    code: |
      from pyspark.sql import functions as F
      table = t.withColumn("double", F.col("delay") * 2)
      n, kind = table.count(), type(spark).__module__
"""
    )
    assert outputs(execution)["first"] == {"origin": "JFK", "delay": 40}
    found = outputs(execution, "b")
    assert found["n"] == 1 and "connect" in found["kind"]
    assert yf.read(found["table"], store=folder.store)["double"].tolist() == [80]
    assert "jobs on Spark are tagged" in " ".join(folder.log(execution, "b"))


def test_a_server_that_sees_no_file_of_ours_gets_and_gives_tables_over_the_wire(
    folder: Folder, server: ConnectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Server, "sees_files_of", lambda self, folder, session: False)
    execution = folder.run(
        MAKE
        + f"""\
  - id: a
    type: pyspark
    remote: {server.url}
    sql: SELECT max(delay) AS most FROM t
    inputBindings: {{t: "{{{{ make.table }}}}"}}
"""
    )
    assert outputs(execution)["first"] == {"most": 30}


def test_a_server_is_found_to_see_our_files_or_not(server: ConnectServer, tmp_path: Path) -> None:
    from pyspark.sql.connect.session import SparkSession

    session = SparkSession.builder.remote(server.url).create()
    try:
        assert Server.sees_files_of(None, tmp_path, session)  # type: ignore[arg-type]
        assert not list(tmp_path.iterdir())
    finally:
        session.stop()


def test_an_application_of_this_process_and_a_server_take_turns(folder: Folder, server: ConnectServer) -> None:
    """pyspark itself cannot do both at once in one process."""
    node = "  - {{id: {}, type: pyspark, code: 'n = spark.range(3).count()', outputs: {{n: integer}}{}}}\n"
    remote = f", remote: '{server.url}'"
    execution = folder.run("name: p\nnodes:\n" + "".join(node.format(f"n{i}", remote if i % 2 else "") for i in range(4)))
    assert [outputs(execution, f"n{i}") for i in range(4)] == [{"n": 3}] * 4


@pytest.mark.trust("F40:Spark Connect")
def test_stopping_a_node_cancels_what_it_asked_of_the_server(folder: Folder, server: ConnectServer) -> None:
    node = {"id": "a", "type": "pyspark", "remote": server.url, "code": NEVER_ENDING}
    execution = folder.start(json.dumps({"name": "p", "nodes": [node]}))
    until(server.running_jobs, lambda: str(execution))
    execution.cancel()
    assert execution.wait(200).nodes["a"].state == "cancelled"
    until(lambda: not server.running_jobs())
    until(lambda: "stopping: Spark confirms" in " ".join(folder.log(execution)), lambda: str(folder.log(execution)))


def test_what_the_server_decides_is_no_setting_of_a_node(folder: Folder, server: ConnectServer) -> None:
    execution = folder.node("pyspark", sql="SELECT 1", remote=server.url, session={"spark.driver.memory": "3g"})
    assert "`spark.driver.memory` is decided by the server" in failure(execution)
    got: Any = outputs(folder.node("pyspark", sql="SET spark.sql.shuffle.partitions", remote=server.url,
                                   session={"spark.sql.shuffle.partitions": 3}))  # fmt: skip
    assert got["first"]["value"] == "3"


def test_an_error_of_the_server_is_told_without_stacks(folder: Folder, server: ConnectServer) -> None:
    message = failure(folder.node("pyspark", sql="SELECT * FROM nothing", remote=server.url))
    assert message.startswith("[TABLE_OR_VIEW_NOT_FOUND]") and "JVM stacktrace" not in message


def test_a_server_that_is_not_there_is_told_at_once_and_without_its_token(folder: Folder) -> None:
    message = failure(folder.node("pyspark", sql="SELECT 1", remote="sc://127.0.0.1:1/;token=hushhush"))
    assert message == "no Spark Connect server answers at sc://127.0.0.1:1"


@pytest.mark.trust("F30:Spark Connect")
def test_a_server_that_dies_fails_its_node_by_name(folder: Folder, tmp_path: Path) -> None:
    home = tmp_path / "server"
    home.mkdir()
    server = ConnectServer(home)
    try:
        node = {"id": "a", "type": "pyspark", "remote": server.url, "code": NEVER_ENDING}
        execution = folder.start(json.dumps({"name": "p", "nodes": [node]}))
        until(lambda: execution.snapshot()["nodes"][0]["progress"], lambda: str(execution))
    finally:
        server.kill()
    execution.wait(200)
    assert failure(execution) == "the Spark Connect server no longer answers"
