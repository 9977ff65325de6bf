"""One application in a process, sessions apart, jobs that can be told to be whose, stopping, and a JVM that dies."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import psutil
import pytest

from tests.executors.running import Folder, failure
from tests.spark.test_tasks import outputs
from yamlflow_nb.services.execution import Execution
from yamlflow_nb.testing import validate

NEVER_ENDING = "spark.range(10**13).selectExpr('sum(sqrt(id)) AS s').collect()"


def java() -> psutil.Process:
    """The Java process of this process's application."""
    return psutil.Process(context()._gateway.proc.pid)


def context() -> Any:
    from pyspark import SparkContext

    return SparkContext._active_spark_context


def jobs(tag: str) -> list[dict[str, Any]]:
    """The jobs that Spark's own page lists under a tag."""
    found = context()
    with urlopen(f"{found.uiWebUrl}/api/v1/applications/{found.applicationId}/jobs") as answer:
        return [job for job in json.load(answer) if any(tag in one for one in job["jobTags"])]


def until(condition: Callable[[], Any], told: Callable[[], str] = lambda: "") -> Any:
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not in time: {told()}")


def running_jobs(execution: Execution) -> list[dict[str, Any]]:
    return [job for job in jobs(execution.id) if job["status"] == "RUNNING"] if context() is not None else []


def test_nodes_and_executions_share_one_application(folder: Folder) -> None:
    text = "name: p\nnodes:\n" + "".join(
        f"  - {{id: {name}, type: pyspark, code: 'app = spark.sparkContext.applicationId', outputs: {{app: string}}}}\n"
        for name in "ab"
    )
    first, second = folder.run(text), folder.run(text)
    assert len({outputs(one, name)["app"] for one in (first, second) for name in "ab"}) == 1


def test_nodes_at_once_see_neither_each_others_views_nor_settings(folder: Folder) -> None:
    """Both bind `t`, both set the same setting, and neither is done before the other has begun."""
    nodes = "".join(f"""\
  - id: {name}
    type: pyspark
    session: {{spark.sql.shuffle.partitions: {number}}}
    inputBindings: {{t: "{{{{ make_{name}.table }}}}"}}
    outputs: {{n: integer, parts: string}}
    code: |
      import os, time
      open("{name}", "w").close()
      while not os.path.exists("{other}"): time.sleep(0.02)
      n, parts = spark.table("t").first().n, spark.conf.get("spark.sql.shuffle.partitions")
  - id: make_{name}
    type: python
    code: "import pandas as pd; table = pd.DataFrame({{'n': [{number}]}})"
    outputs: {{table: dataframe}}
""" for name, other, number in (("a", "b", 3), ("b", "a", 5)))  # fmt: skip
    here = Path.cwd()
    os.chdir(folder.path)
    try:
        execution = folder.run("name: p\nnodes:\n" + nodes)
    finally:
        os.chdir(here)
    assert outputs(execution, "a") == {"n": 3, "parts": "3"} and outputs(execution, "b") == {"n": 5, "parts": "5"}


def test_jobs_bear_their_nodes_tag_and_the_page_of_spark_is_noted(folder: Folder) -> None:
    execution = folder.node("pyspark", outputs={"n": "integer"}, code="n = spark.range(10).repartition(2).count()")
    tag = f"yamlflow/{execution.id}/a/r1-a1"
    assert f"jobs on Spark are tagged {tag}" in folder.log(execution)
    found = jobs(tag)
    assert found and {job["description"] for job in found} == {"a"}
    assert execution.snapshot()["nodes"][0]["notes"] == [f"Spark's page: {context().uiWebUrl}"]
    assert context().uiWebUrl.startswith("http://127.0.0.1:")


def test_how_far_the_jobs_are_is_the_nodes_progress(folder: Folder) -> None:
    code = """\
from pyspark.sql.functions import udf
import os, time
def wait(x):
    while x and not os.path.exists(path): time.sleep(0.05)
    return x
n = spark.range(0, 2, 1, 2).select(udf(wait, 'long')('id')).collect()
"""
    gate = folder.path / "go"
    execution = folder.start(json.dumps({"name": "p", "nodes": [
        {"id": "a", "type": "pyspark", "code": code, "inputBindings": {"path": str(gate)}},
    ]}))  # fmt: skip

    def seen() -> Any:
        return execution.snapshot()["nodes"][0]["progress"]

    until(lambda: seen() and seen()["done"] == 1, lambda: str(seen()))
    assert seen() == {"done": 1, "total": 2, "text": "tasks (stage 1 of 1)"}
    gate.touch()
    assert execution.wait(200).status == "completed", str(execution)


@pytest.mark.parametrize("by", ["cancel", "timeout"])
@pytest.mark.trust("F40:Spark")
def test_stopping_a_node_cancels_its_jobs_on_spark_and_no_others(folder: Folder, by: str) -> None:
    limit = {"timeout": "4s"} if by == "timeout" else {}
    other = folder.start(json.dumps({"name": "other", "nodes": [{"id": "b", "type": "pyspark", "code": NEVER_ENDING}]}))
    until(lambda: running_jobs(other), lambda: str(other))
    execution = folder.start(json.dumps({"name": "p", "nodes": [{"id": "a", "type": "pyspark", "code": NEVER_ENDING, **limit}]}))
    if by == "cancel":
        until(lambda: running_jobs(execution), lambda: str(execution))
        execution.cancel()
    execution.wait(200)
    assert execution.nodes["a"].state == ("cancelled" if by == "cancel" else "failed")
    until(lambda: not running_jobs(execution))
    confirmed = "stopping: Spark confirms that nothing of this attempt runs any more"
    until(lambda: confirmed in folder.log(execution), lambda: str(folder.log(execution)))
    assert any(line.startswith("stopping: cancelled on Spark by tag yamlflow/") for line in folder.log(execution))
    assert running_jobs(other), "the other node's job runs on"
    other.cancel()
    other.wait(200)
    until(lambda: not running_jobs(other))


@pytest.mark.trust("F30")
def test_a_jvm_that_dies_fails_its_nodes_by_name_and_the_next_attempt_has_a_new_one(folder: Folder) -> None:
    (folder.path / "once.py").write_text(f"""\
import os
def work(spark, marker):
    app = spark.sparkContext.applicationId
    if not os.path.exists(marker):
        open(marker, "w").close()
        {NEVER_ENDING}
    return {{"app": app}}
""")
    nodes = [{"id": name, "type": "pyspark", "function": "once:work", "retry": {"maxAttempts": 2},
              "inputBindings": {"marker": str(folder.path / name)}, "outputs": {"app": "string"}} for name in "ab"]  # fmt: skip
    execution = folder.start(json.dumps({"name": "p", "nodes": nodes}))
    until(lambda: len(running_jobs(execution)) == 2, lambda: str(execution))
    dead = context().applicationId
    os.kill(java().pid, signal.SIGKILL)
    execution.wait(200)
    for name in "ab":
        failed = [event.payload for event in execution.events if event.type == f"{name}.retrying"]
        assert "the Java process of Spark died (signal 9, likely memory); the next attempt starts a new one" in str(failed), failed
    apps = {outputs(execution, name)["app"] for name in "ab"}
    assert len(apps) == 1 and dead not in apps, "both go on, on one new application"


@pytest.mark.trust("F30")
def test_an_application_that_a_program_stopped_is_not_used_again(folder: Folder) -> None:
    execution = folder.node("pyspark", code="spark.sparkContext.stop(); spark.range(3).count()")
    assert "the Spark application was stopped" in failure(execution)
    assert outputs(folder.node("pyspark", outputs={"n": "integer"}, code="n = spark.range(3).count()")) == {"n": 3}


def test_a_setting_of_the_application_begins_another_when_nobody_uses_the_first(folder: Folder) -> None:
    code = "m, app = spark.conf.get('spark.ui.retainedJobs', ''), spark.sparkContext.applicationId"
    told = {"m": "string", "app": "string"}
    before = java().pid if context() is not None else None
    changed = outputs(folder.node("pyspark", outputs=told, code=code, session={"spark.ui.retainedJobs": 500}))
    again = outputs(folder.node("pyspark", outputs=told, code=code))
    assert changed["m"] == "500" and again == changed, "a node that does not care takes what is there"
    assert java().pid != before


X = "{{ pipeline.input.x }}"


@pytest.mark.trust("B17:Spark")
@pytest.mark.parametrize(
    "field",
    [
        f'session: {{spark.driver.extraJavaOptions: "{X}"}}',
        f'session: {{spark.jars: "http://x/{X}"}}',
        f'session: {{spark.sql.extensions: "{X}"}}',
        f'remote: "sc://{X}"',
        "remote: localhost:15002",
        "session: {--conf: x}",
        "session: {spark.x: [1]}",
    ],
)
def test_a_value_decides_neither_the_code_that_runs_nor_where(field: str) -> None:
    text = (
        f"name: p\ninputVariables: {{x: {{type: string, default: a}}}}\nnodes:\n- {{id: a, type: pyspark, sql: SELECT 1, {field}}}"
    )
    assert [one.severity for one in validate(text) if one.severity == "error"], field


def test_a_value_may_decide_sizes(folder: Folder) -> None:
    code = "n = spark.conf.get('spark.sql.shuffle.partitions')"
    session = {"spark.sql.shuffle.partitions": "{{ pipeline.input.n }}"}
    assert outputs(folder.node("pyspark", {"n": 7}, {"n": "string"}, code=code, session=session)) == {"n": "7"}


OWN = """\
import os, sys
from pathlib import Path
from yamlflow_nb.executors.spark.java import find_java, home_for_spark
os.environ["JAVA_HOME"] = str(home_for_spark(find_java(), Path(sys.argv[1])))
from pyspark.sql import SparkSession
import yamlflow_nb as yf
mine = SparkSession.builder.appName("mine").getOrCreate()
node = "name: p\\nnodes: [{id: a, type: pyspark, code: 'app = spark.sparkContext.appName', outputs: {app: string}, session: {%s}}]"
def run(session=""):
    return yf.start(node % session, store=sys.argv[1] + "/store.db", folder=sys.argv[1]).wait(200).nodes["a"]
def told(session=""):
    node = run(session)
    print(node.outputs["app"] if node.state == "completed" else node.error.message)
told()
told("spark.driver.memory: 3g")
print(mine.range(3).count())
mine.stop()
told()
SparkSession.builder.appName("mine again").getOrCreate()
told()
"""


def test_a_session_that_the_user_has_is_worked_on_and_left_alone(folder: Folder) -> None:
    done = subprocess.run([sys.executable, "-c", OWN, str(folder.path)], capture_output=True, text=True, timeout=250, check=False)
    assert done.stdout.splitlines() == [
        "mine",
        "the Spark session that this process has already was not started with `spark.driver.memory: 3g`: spark.stop() ends it",
        "3",
        "yamlflow_nb",
        "yamlflow_nb",  # what runs is kept: pyspark itself gives it to whoever asks for a session
    ], done.stdout + done.stderr
