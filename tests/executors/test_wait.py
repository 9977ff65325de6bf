"""Waiting holds nothing: no thread, no process. What is awaited comes also when the process that waited is gone."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import yamlflow_nb as yf
from tests.executors.running import Folder, failure
from tests.executors.test_shell import until
from tests.loop.making import World
from yamlflow_nb.domain.event import AttemptKey
from yamlflow_nb.domain.work import Work
from yamlflow_nb.executors.wait import WaitExecutor
from yamlflow_nb.testing import validate

PAST = "2020-01-01T00:00:00Z"


def node(**fields: object) -> str:
    return json.dumps({"name": "p", "nodes": [{"id": "a", "type": "wait", **fields}]})


def test_a_while_is_over_in_its_time(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        run = world.start(node(**{"for": "2h"}))
        assert run.wait(10) and run.state.ended == "completed"
        outputs = dict(run.state.nodes["a"].outputs)
        assert (outputs["waited"], run.state.nodes["a"].finished_at) == (7200.0, 7200.0)
        assert world.types()[1:4] == ["a.started", "a.waiting", "a.completed"]


def test_a_moment_is_waited_for_and_one_that_is_past_is_not(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        run = world.start(node(until="1970-01-02T01:00:00+01:00"))
        assert run.wait(10) and run.state.nodes["a"].finished_at == 86_400.0
        assert run.state.nodes["a"].outputs["at"] == dt.datetime(1970, 1, 2, tzinfo=dt.timezone.utc)
        late = world.start(node(until="1970-01-01T00:00:00Z"), "e2")
        assert late.wait(10) and late.state.nodes["a"].finished_at == 86_400.0


def test_values_say_how_long_and_until_when(tmp_path: Path) -> None:
    text = """
name: p
nodes:
  - {id: a, type: wait, for: "{{ 60 * 2 }}"}
  - {id: b, type: wait, until: "{{ add_days(datetime('1970-01-01T00:00:00+00:00'), 1) }}", startWhen: "event:a.completed"}
"""
    with World(tmp_path) as world:
        run = world.start(text)
        assert run.wait(10) and [run.state.nodes[name].finished_at for name in "ab"] == [120.0, 86_400.0]


@pytest.mark.parametrize(
    ("fields", "told"),
    [({"for": "{{ 'soon' }}"}, "`for` of `a` is 'soon'"), ({"until": "{{ '2026-01-01T00:00:00' }}"}, "with its zone")],
)
def test_a_value_that_is_no_time_fails_the_node_by_name(folder: Folder, fields: dict, told: str) -> None:
    execution = folder.run(node(**fields))
    assert (execution.nodes["a"].reason, told in failure(execution)) == ("expression", True)


def test_a_moment_without_its_zone_is_found_before_the_run() -> None:
    [found] = validate(node(until="2026-01-31T06:00:00"))
    assert "with its zone" in found.message + (found.hint or "")


@pytest.mark.parametrize("payload", [{}, {"m": 1}])
def test_an_event_without_a_declared_output_fails_the_wait_for_its_outputs(folder: Folder, payload: dict) -> None:
    execution = folder.start(node(event="custom.go", outputs={"n": "integer", "m": {"type": "integer", "optional": True}}))
    until(lambda: execution.status == "waiting")
    execution.send_event("go", payload).wait(30)
    assert (execution.status, execution.nodes["a"].reason) == ("failed", "outputs")
    assert failure(execution) == "output `n` (integer) was declared, but not set"


def test_a_while_gives_its_own_outputs_and_no_others(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        run = world.start(node(**{"for": "1s", "outputs": {"waited": "number", "n": "integer"}}))
        assert run.wait(10) and run.state.nodes["a"].reason == "outputs"


def test_in_simulate_an_event_need_not_carry_what_is_declared() -> None:
    from yamlflow_nb.testing import simulate

    found = simulate(node(event="custom.go", outputs={"n": "integer"}), events=[(1, "custom.go", {})])
    assert found.status == "completed"


def test_each_item_waits_for_itself(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        run = world.start(node(**{"for": "{{ item }}", "forEach": [30, 10, 20]}))
        assert run.wait(10) and run.state.nodes["a"].outputs["waited"] == [30.0, 10.0, 20.0]
        assert run.state.nodes["a"].finished_at == 30.0


def test_wait_timeout_ends_any_wait(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        run = world.start(node(**{"for": "1h", "waitTimeout": "1m"}))
        assert run.wait(10) and (run.state.nodes["a"].reason, run.state.nodes["a"].finished_at) == ("timeout", 60.0)
        error = run.state.nodes["a"].error
        assert error is not None and error.message == "what it waits for did not come within 60 s"


def test_a_hundred_waits_hold_no_worker(folder: Folder) -> None:
    """With eight workers: none of them is taken, or the last node would never begin."""
    waits = [{"id": f"w{n}", "type": "wait", "file": "never.txt"} for n in range(60)]
    waits += [{"id": f"t{n}", "type": "wait", "for": "1d"} for n in range(40)]
    last = {"id": "last", "type": "python", "code": "pass"}
    before = threading.active_count()
    execution = folder.start(json.dumps({"name": "p", "nodes": [*waits, last]}))
    until(lambda: execution.nodes["last"].state == "completed")
    assert {one.state for one in execution.nodes.values()} == {"waiting", "completed"} and execution.status == "running"
    assert threading.active_count() - before <= 12
    assert execution.cancel().wait(20).status == "cancelled"
    until(lambda: "yamlflow-watch" not in [thread.name for thread in threading.enumerate()])


# --- files ----------------------------------------------------------------------------------------------------------


def test_a_file_that_is_there_is_told_at_once(folder: Folder) -> None:
    path = folder.path / "data.csv"
    path.write_text("a,b\n")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    execution = folder.node("wait", outputs={"data": "file"}, file="data.csv")
    outputs = execution.nodes["a"].outputs
    assert (outputs["path"], outputs["size"]) == (str(path), 4) and outputs["modified"].year == 2001
    assert Path(outputs["data"]["path"]).read_text() == "a,b\n"


def test_a_file_that_appears_is_taken_when_it_no_longer_grows(folder: Folder, tmp_path: Path) -> None:
    key = AttemptKey("a", 1, 0, None, 1)
    work = Work("e", key, "wait", {}, {"file": "data.csv"}, {}, tmp_path, tmp_path / "run")
    executor, path = WaitExecutor(), tmp_path / "data.csv"
    assert executor.look(work) is None
    for text in ("x", "xx", "xxx"):
        path.write_text(text)
        assert executor.look(work) is None
    assert (executor.look(work) or {})["size"] == 3


def test_a_file_that_appears_while_it_is_waited_for_completes_the_node(folder: Folder) -> None:
    execution = folder.start(node(file="in/data.csv"))
    until(lambda: execution.nodes["a"].state == "waiting")
    (folder.path / "in").mkdir()
    (folder.path / "in" / "data.csv").write_text("a,b")
    assert execution.wait(30).nodes["a"].outputs["size"] == 3


def test_a_file_that_is_to_change_is_compared_with_what_it_was(folder: Folder) -> None:
    path = folder.path / "data.csv"
    path.write_text("old")
    os.utime(path, (1_000_000_000, 1_000_000_000))
    execution = folder.start(node(file={"path": "data.csv", "changed": True}))
    until(lambda: (folder.attempt(execution) / "awaited.json").exists())
    assert execution.nodes["a"].state == "waiting"
    path.write_text("newer")
    assert execution.wait(30).nodes["a"].outputs["size"] == 5


@pytest.mark.trust("B12")
def test_a_file_outside_of_the_folder_is_not_waited_for(folder: Folder) -> None:
    assert "outside of the pipeline's folder" in failure(folder.node("wait", file="../../etc/passwd"))
    assert "is an address" in failure(folder.node("wait", {"x": "file:///etc/passwd"}, file="{{ pipeline.input.x }}"))


@pytest.mark.parametrize("file", [{"changed": True}, {"path": "a", "change": True}, {"path": "a", "changed": "yes"}])
def test_what_is_no_file_is_told_before_the_run(file: dict) -> None:
    [found] = validate(node(file=file))
    assert found.severity == "error"


# --- across the end of the process ----------------------------------------------------------------------------------

WAITING = {
    "name": "p",
    "nodes": [
        {"id": "short", "type": "wait", "for": "4s"},
        {"id": "long", "type": "wait", "for": "1d", "startWhen": "event:pipeline.started", "stopWhen": "event:short.completed"},
        {"id": "file", "type": "wait", "file": {"path": "data.csv", "changed": True}},
        {"id": "event", "type": "wait", "event": "custom.go"},
    ],
}


@pytest.mark.trust("F1")
def test_what_was_awaited_is_awaited_still_after_a_kill(folder: Folder) -> None:
    data = folder.path / "data.csv"
    data.write_text("old")
    os.utime(data, (1_000_000_000, 1_000_000_000))
    code = "import sys, yamlflow_nb as yf; yf.run(sys.argv[1], folder='.', store=sys.argv[2])"
    owner = subprocess.Popen([sys.executable, "-c", code, json.dumps(WAITING), folder.store], cwd=folder.path)
    runs = Path(folder.store).parent / "runs"
    until(lambda: list(runs.glob("*/file/r1-a1/awaited.json")))
    owner.kill()
    owner.wait()
    data.write_text("newer, while nobody looked")
    execution = yf.get_execution(store=folder.store)
    assert execution.status == "interrupted"
    execution.send_event("go", {"n": 3})
    assert execution.status == "interrupted"
    execution.resume().wait(60)
    assert execution.status == "completed", str(execution)
    nodes = execution.nodes
    assert [nodes[name].attempts for name in ("short", "long", "file", "event")] == [1, 1, 1, 1]
    assert nodes["long"].state == "cancelled" and nodes["event"].outputs == {"n": 3}
    assert nodes["file"].outputs["size"] == len("newer, while nobody looked")
    # From the moment at which the wait began, not from the one at which it was taken over.
    assert nodes["short"].outputs["waited"] >= 4.0
    waiting = next(event for event in execution.events if event.type == "short.waiting")
    began = next(event for event in execution.events if event.type == "short.started")
    assert waiting.payload["until"].timestamp() == pytest.approx(began.at + 4, abs=0.01)


def test_an_event_under_one_key_counts_once(folder: Folder) -> None:
    two = {"id": "b", "type": "wait", "for": "1d", "startWhen": "event:custom.other", "stopWhen": "event:custom.end"}
    first = {"id": "a", "type": "wait", "event": "custom.go"}
    execution = folder.start(json.dumps({"name": "p", "nodes": [first, two]}))
    until(lambda: execution.nodes["a"].state == "waiting")
    for n in range(3):
        execution.send_event("go", {"n": n}, key="delivery-7")
    execution.send_event("go", {"n": 9}, key="delivery-8")
    sent = [event.payload["n"] for event in execution.events if event.type == "custom.go"]
    assert sent == [0, 9] and execution.nodes["a"].outputs == {"n": 0}
    execution.cancel().wait(10)
