"""Pipelines as nodes of others, on a real store: begun, waited for, failed, tried again, cancelled, seen from other processes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.loop.making import Does
from tests.loop.memory import KeptNowhere
from yamlflow_nb.domain.diagnostic import DefinitionError
from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.executors.registry import task_types
from yamlflow_nb.executors.subpipeline import SubPipelineExecutor
from yamlflow_nb.infrastructure.doorbell import SocketBell
from yamlflow_nb.infrastructure.store.sqlite_repository import SQLiteRepository
from yamlflow_nb.infrastructure.system_clock import SystemClock
from yamlflow_nb.loop.kernel_loop import KernelLoop
from yamlflow_nb.services.execution import Execution
from yamlflow_nb.services.execution_service import ExecutionService
from yamlflow_nb.services.pipeline_service import PipelineService

PATIENCE = 30
CHILD = """
name: child
inputVariables: {n: {type: integer, default: 1}}
nodes:
  - {id: one, type: python, code: pass, inputBindings: {n: "{{ pipeline.input.n }}"}, outputs: {n: integer}}
  - {id: two, type: python, code: pass, startWhen: "event:one.completed", inputBindings: {n: "{{ one.n }}"}, outputs: {n: integer}}
outputs: {n: "{{ two.n }}"}
"""
PARENT = """
name: parent
nodes:
  - {id: score, type: subpipeline, pipeline: child.yaml, inputBindings: {n: 5}}
  - {id: last, type: python, code: pass, inputBindings: {n: "{{ score.n }}"}}
outputs: {n: "{{ score.n }}"}
"""
WAITS = """
name: waits
nodes: [{id: one, type: python, code: pass, startWhen: "event:custom.go"}]
"""


def _gives_back(work: Work) -> dict[str, Any]:
    return {"n": work.inputs.get("n", 0)}


class Gauge:
    """A task that counts how many of it are at work at one moment, and gives its ``n`` back."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self._lock = threading.Lock()

    def __call__(self, work: Work) -> dict[str, Any]:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(0.02)
        with self._lock:
            self.now -= 1
        return {"n": work.inputs.get("n", 0)}


class House:
    """A process of its own on a store: ``beside`` is another."""

    def __init__(self, folder: Path, workers: int = 8, **doing: Callable[[Work], Mapping[str, Any]]) -> None:
        self.folder = folder
        self.does = Does(**{"one": _gives_back, "two": _gives_back, **doing})
        self.repository = SQLiteRepository(folder / "store.db")
        executors = {"python": self.does, "subpipeline": SubPipelineExecutor(lambda: self.service.children)}
        self.loop = KernelLoop(
            self.repository, executors, KeptNowhere(), SystemClock(), runs_folder=folder / "runs", bell=self._bell, workers=workers
        )
        self.pipelines = PipelineService(task_types(), lambda: self.repository)
        self.service = ExecutionService(self.loop, self.repository, KeptNowhere(), self.pipelines)
        self.others: list[House] = []

    def _bell(self, owner: str, rung: Any) -> SocketBell:
        return SocketBell(self.folder / "store.db", owner.rpartition("/")[2], rung)

    def beside(self, **doing: Any) -> House:
        self.others.append(House(self.folder, **doing))
        return self.others[-1]

    def write(self, **files: str) -> None:
        for name, text in files.items():
            (self.folder / f"{name}.yaml").write_text(text)

    def start(self, text: str = PARENT, child: str = CHILD, **options: Any) -> Execution:
        self.write(parent=text, child=child)
        return self.service.start(self.folder / "parent.yaml", **options)

    def child(self, parent: Execution, number: int = 0) -> Execution:
        until(lambda: len(parent.children) > number)
        return self.service.get(parent.children[number].id)

    def runs(self) -> list[str]:
        return [work.attempt.node for work in self.does.seen]

    def close(self) -> None:
        for one in (*self.others, self):
            one.service.close()


def until(met: Callable[[], Any]) -> None:
    """Wait for a condition."""
    end = time.monotonic() + PATIENCE
    while not met():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.01)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()


# --- the cache -----------------------------------------------------------------------------------------------------------


def test_the_result_of_a_child_stands_for_no_later_one(house: House) -> None:
    text = PARENT.replace("inputBindings: {n: 5}}", "inputBindings: {n: 5}, cache: true}")
    for _ in range(2):
        execution = house.start(text).wait(PATIENCE)
        assert execution.outputs == {"n": 5} and len(execution.children) == 1
        assert "kept" in (execution.nodes["score"].cached or {})["missed"]
    assert house.runs() == ["one", "two", "last"] * 2


def test_a_child_of_a_run_without_cache_takes_nothing_from_it(house: House) -> None:
    child = CHILD.replace("{id: one,", "{id: one, cache: true,")
    for fresh in (False, False, True):
        assert house.start(child=child, fresh=fresh).wait(PATIENCE).outputs == {"n": 5}
    assert house.runs() == ["one", "two", "last", "two", "last", "one", "two", "last"]


# --- a run in a run ------------------------------------------------------------------------------------------------------


def test_the_childs_outputs_are_the_nodes(house: House) -> None:
    execution = house.start().wait(PATIENCE)
    assert (execution.status, execution.outputs) == ("completed", {"n": 5})
    assert execution.nodes["score"].outputs == {"n": 5}


def test_the_child_is_an_execution_of_its_own_that_knows_its_parent(house: House) -> None:
    execution = house.start(initiator="ann").wait(PATIENCE)
    [child] = execution.children
    assert (child.pipeline, child.status, child.parent_id, child.parent_node) == ("child", "completed", execution.id, "score")
    assert child.initiator == "ann" and child.project == house.service.list()[0].project
    assert child.id.startswith(execution.id)
    assert house.service.get(child.id).parent_id == execution.id


def test_lists_and_verbs_mean_the_parent(house: House) -> None:
    execution = house.start().wait(PATIENCE)
    assert [record.id for record in house.service.list()] == [execution.id]
    assert [record.id for record in house.service.list(with_children=True)] == [execution.children[0].id, execution.id]
    assert house.service.get().id == execution.id
    assert house.service.get(execution.id[:-2]).id == execution.id, "a beginning that both have"
    assert house.service.get(execution.children[0].id[:-2]).id == execution.children[0].id


def test_the_tree_names_the_child(house: House) -> None:
    execution = house.start().wait(PATIENCE)
    assert execution.children[0].id in str(execution)
    [told] = execution.snapshot()["nodes"][0]["children"]
    assert (told["node"], told["status"]) == ("score", "completed")


def test_no_thread_is_held_while_children_run(tmp_path: Path) -> None:
    """Two levels of five children each, and one worker."""
    house = House(tmp_path, workers=1)
    middle = (
        "name: middle\ninputVariables: {n: {type: integer}}\n"
        'nodes: [{id: deep, type: subpipeline, pipeline: leaf.yaml, inputBindings: {n: "{{ pipeline.input.n }}"}}]\n'
        'outputs: {n: "{{ deep.n }}"}'
    )
    house.write(leaf=CHILD.replace("child", "leaf"))
    parent = PARENT.replace("inputBindings: {n: 5}", 'forEach: [1, 2, 3, 4, 5], inputBindings: {n: "{{ item }}"}')
    execution = house.start(parent, middle).wait(PATIENCE)
    assert (execution.status, execution.outputs) == ("completed", {"n": [1, 2, 3, 4, 5]})
    house.close()


def test_items_each_have_their_child_and_no_more_run_than_may(tmp_path: Path) -> None:
    gauge = Gauge()
    house = House(tmp_path, one=gauge)
    parent = PARENT.replace(
        "inputBindings: {n: 5}", 'forEach: [1, 2, 3, 4, 5, 6], maxParallel: 2, inputBindings: {n: "{{ item }}"}'
    )
    execution = house.start(parent).wait(PATIENCE)
    assert execution.outputs == {"n": [1, 2, 3, 4, 5, 6]} and gauge.most <= 2
    assert sorted(str(child.parent_node) for child in execution.children) == [f"score[{index}]" for index in range(6)]
    house.close()


def test_a_node_keeps_its_room_while_its_child_runs(tmp_path: Path) -> None:
    gauge = Gauge()
    house = House(tmp_path, one=gauge, two=gauge)
    items = 'forEach: [1, 2, 3, 4], resources: {pool: gpu}, inputBindings: {n: "{{ item }}"}'
    parent = PARENT.replace("inputBindings: {n: 5}", items) + "resources: {pools: {gpu: 1}}\n"
    execution = house.start(parent).wait(PATIENCE)
    assert execution.outputs == {"n": [1, 2, 3, 4]} and gauge.most == 1
    assert [used for used, _, _ in house.loop._carry.resources.in_use().values()] == [0]
    house.close()


def test_a_child_that_has_to_queue_does_not_make_its_parent_wait_for_people(house: House) -> None:
    child = WAITS + "concurrency: {limit: 1, policy: queue}\n"
    text = "name: parent\nnodes: [{id: score, type: subpipeline, pipeline: child.yaml, forEach: [1, 2]}]"
    execution = house.start(text, child)
    until(lambda: sorted(str(one.reason) for one in execution.children) == ["None", "concurrency"])
    assert execution.status == "running"
    for _ in range(2):
        until(lambda: any(one.status == "waiting" and one.reason is None for one in execution.children))
        waiting = next(one for one in execution.children if one.status == "waiting" and one.reason is None)
        house.service.get(waiting.id).send_event("go").wait(PATIENCE)
    assert execution.wait(PATIENCE).status == "completed"


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.trust("B36")
def test_a_thousand_children_hold_no_thousand_threads(tmp_path: Path) -> None:
    most = [0]

    def counts(work: Work) -> dict[str, Any]:
        most[0] = max(most[0], threading.active_count())
        return {"n": work.inputs["n"]}

    house, before = House(tmp_path, one=counts), threading.active_count()
    parent = PARENT.replace("inputBindings: {n: 5}", 'forEach: "{{ range(0, 1000) }}", inputBindings: {n: "{{ item }}"}')
    execution = house.start(parent).wait(240)
    assert execution.outputs == {"n": list(range(1000))} and len(execution.children) == 1000
    assert most[0] < before + 200
    house.close()


# --- what is wrong -------------------------------------------------------------------------------------------------------


def test_inputs_that_do_not_fit_are_found_before_anything_runs(house: House) -> None:
    with pytest.raises(DefinitionError, match=r"YF323.*has no input `m`"):
        house.start(PARENT.replace("{n: 5}", "{m: 5}"))


@pytest.mark.trust("B36")
def test_pipelines_in_a_circle_are_found_and_printed(house: House) -> None:
    back = "name: child\nnodes: [{id: back, type: subpipeline, pipeline: parent.yaml}]"
    with pytest.raises(DefinitionError, match=r"pipelines contain each other: .*parent.yaml -> child.yaml -> parent.yaml"):
        house.start("name: parent\nnodes: [{id: score, type: subpipeline, pipeline: child.yaml}]", back)


@pytest.mark.trust("B36")
def test_a_circle_that_nobody_could_see_before_is_found_when_the_child_starts(house: House) -> None:
    child = "name: child\nnodes: [{id: back, type: subpipeline, pipeline: \"{{ 'parent.yaml' }}\"}]"
    execution = house.start("name: parent\nnodes: [{id: score, type: subpipeline, pipeline: child.yaml}]", child).wait(PATIENCE)
    error = execution.nodes["score"].error
    assert error is not None and "pipelines contain each other: parent -> child -> parent" in error.message
    assert len(house.service.list(with_children=True)) == 2


@pytest.mark.trust("B36")
def test_children_lie_eight_deep_at_most(house: House) -> None:
    files = {
        f"p{depth}": f"name: p{depth}\nnodes: [{{id: a, type: subpipeline, pipeline: p{depth + 1}.yaml}}]" for depth in range(9)
    }
    house.write(**files, p9="name: p9\nnodes: [{id: a, type: python, code: pass}]")
    with pytest.raises(DefinitionError, match=r"pipelines may be 8 deep, this goes deeper: p0.yaml -> p1.yaml"):
        house.service.start(house.folder / "p0.yaml")
    assert house.service.start(house.folder / "p1.yaml").wait(PATIENCE).status == "completed"


@pytest.mark.trust("B12")
@pytest.mark.parametrize("named", ["../child.yaml", "/tmp/child.yaml"])
def test_a_child_outside_of_the_folder_is_refused(house: House, named: str) -> None:
    with pytest.raises(DefinitionError, match=r"lies outside of the pipeline's folder"):
        house.start(PARENT.replace("child.yaml", named))


def test_a_failed_child_fails_its_node_with_its_own_error_and_its_id(tmp_path: Path) -> None:
    def fails(work: Work) -> dict[str, Any]:
        raise TaskFailed("BadRow", "row 7 is bad")

    house = House(tmp_path, two=fails)
    execution = house.start().wait(PATIENCE)
    error = execution.nodes["score"].error
    assert (execution.status, execution.nodes["score"].reason) == ("failed", "error")
    assert error is not None and "row 7 is bad" in error.message and "failed at `two`" in error.message
    assert execution.children[0].id in error.message
    assert execution.snapshot()["nodes"][0]["error"]["type"] == "BadRow"
    house.close()


# --- tried again ---------------------------------------------------------------------------------------------------------


def _fails_once(kind: str = "Flaky") -> Callable[[Work], dict[str, Any]]:
    failed: list[int] = []

    def fails(work: Work) -> dict[str, Any]:
        if not failed:
            failed.append(1)
            raise TaskFailed(kind, "not the first time")
        return {"n": work.inputs.get("n", 0)}

    return fails


def test_the_next_attempt_goes_on_with_the_child_that_failed(tmp_path: Path) -> None:
    house = House(tmp_path, two=_fails_once())
    execution = house.start(PARENT.replace("{n: 5}}", "{n: 5}, retry: {maxAttempts: 2}}")).wait(PATIENCE)
    assert (execution.status, execution.nodes["score"].attempts) == ("completed", 2)
    [child] = execution.children
    assert (child.round, child.status) == (2, "completed")
    assert sorted(house.runs()) == ["last", "one", "two", "two"], "what had completed in the child is kept"
    house.close()


def test_a_retry_of_the_parent_goes_on_with_the_child_that_failed(tmp_path: Path) -> None:
    house = House(tmp_path, two=_fails_once())
    execution = house.start().wait(PATIENCE)
    assert execution.status == "failed"
    assert execution.retry().wait(PATIENCE).status == "completed"
    assert [child.round for child in execution.children] == [2] and house.runs().count("one") == 1
    house.close()


def test_where_the_childs_text_has_changed_the_retry_begins_another(tmp_path: Path) -> None:
    house = House(tmp_path, two=_fails_once())
    execution = house.start().wait(PATIENCE)
    house.write(child=CHILD.replace("id: two, type: python, code: pass", "id: two, type: python, code: 'x = 1'"))
    assert execution.retry().wait(PATIENCE).status == "completed"
    assert [(child.round, child.status) for child in execution.children] == [(1, "failed"), (1, "completed")]
    house.close()


def test_where_its_inputs_have_changed_the_retry_begins_another(tmp_path: Path) -> None:
    given = iter((3, 4))
    house = House(tmp_path, two=_fails_once(), before=lambda work: {"n": next(given)})
    text = PARENT.replace("{n: 5}", '{n: "{{ before.n }}"}').replace(
        "nodes:", "nodes:\n  - {id: before, type: python, code: pass, outputs: {n: integer}}"
    )
    execution = house.start(text).wait(PATIENCE)
    assert execution.retry(with_nodes=["before"]).wait(PATIENCE).outputs == {"n": 4}
    assert [(child.inputs, child.status) for child in execution.children] == [({"n": 3}, "failed"), ({"n": 4}, "completed")]
    house.close()


def test_a_completed_child_runs_again_as_another_where_its_node_is_to(house: House) -> None:
    execution = house.start().wait(PATIENCE)
    assert execution.retry(with_nodes=["score"]).wait(PATIENCE).status == "completed"
    assert [child.status for child in execution.children] == ["completed", "completed"]
    assert house.runs().count("one") == 2


# --- waiting -------------------------------------------------------------------------------------------------------------


def test_a_child_that_waits_makes_its_parent_wait(house: House) -> None:
    execution = house.start("name: parent\nnodes: [{id: score, type: subpipeline, pipeline: child.yaml}]", WAITS)
    execution.wait(PATIENCE, or_waiting=True)
    assert (execution.status, execution.waiting_for, execution.nodes["score"].state) == ("waiting", ["score"], "waiting")
    told = next(event for event in execution.events if event.type == "score.waiting").payload
    assert told == {"child": execution.children[0].id, "for": ["custom.go"]}
    assert f"because: its child `{execution.children[0].id}` waits for custom.go" in execution.why("score")
    house.service.send_event("go")
    assert execution.wait(PATIENCE).status == "completed", "an event without an id reaches the child that waits for it"


def test_of_items_all_have_to_wait(tmp_path: Path) -> None:
    release = threading.Event()

    def holds(work: Work) -> dict[str, Any]:
        release.wait(PATIENCE)
        return {}

    house = House(tmp_path, holds=holds)
    child = (
        "name: child\ninputVariables: {n: {type: integer}}\nnodes:\n"
        '  - {id: holds, type: python, code: pass, startWhen: "{{ pipeline.input.n == 1 }}"}\n'
        '  - {id: one, type: python, code: pass, inputBindings: {n: 1}, startWhen: "event:custom.go || event:holds.completed"}\n'
    )
    parent = (
        "name: parent\nnodes:\n"
        '  - {id: score, type: subpipeline, pipeline: child.yaml, forEach: [1, 2, 3], inputBindings: {n: "{{ item }}"}}\n'
    )
    execution = house.start(parent, child)
    until(lambda: [one.status for one in execution.children].count("waiting") == 2)
    assert execution.status == "running"
    release.set()
    execution.wait(PATIENCE, or_waiting=True)
    until(lambda: execution.status == "waiting")
    for record in execution.children:
        if record.status == "waiting":
            house.service.get(record.id).send_event("go")
    assert execution.wait(PATIENCE).status == "completed"
    house.close()


def test_a_pause_of_the_parent_is_one_of_its_children(tmp_path: Path) -> None:
    release = threading.Event()

    def holds(work: Work) -> dict[str, Any]:
        release.wait(PATIENCE)
        return {"n": 1}

    house = House(tmp_path, one=holds)
    execution = house.start()
    child = house.child(execution)
    until(lambda: "one" in house.runs())
    execution.pause()
    until(lambda: child.status == "paused")
    release.set()
    until(lambda: child.nodes["one"].state == "completed")
    assert child.nodes["two"].state != "running"
    execution.resume()
    assert execution.wait(PATIENCE).status == "completed"
    house.close()


# --- cancelled -----------------------------------------------------------------------------------------------------------


@pytest.mark.trust("F42")
def test_a_cancel_of_the_parent_cancels_the_child_with_its_clean_up(house: House) -> None:
    child = WAITS + '  - {id: two, type: python, code: pass, startWhen: "event:pipeline.finishing", inputBindings: {n: 1}}\n'
    child = child.replace("nodes: [{id: one", "nodes:\n  - {id: one").replace('custom.go"}]', 'custom.go"}')
    execution = house.start("name: parent\nnodes: [{id: score, type: subpipeline, pipeline: child.yaml}]", child)
    execution.wait(PATIENCE, or_waiting=True)
    execution.cancel().wait(PATIENCE)
    [record] = execution.children
    assert (execution.status, execution.nodes["score"].state, record.status) == ("cancelled", "cancelled", "cancelled")
    assert house.runs() == ["two"], "whoever waits for the parent has waited for its child's clean-up"


@pytest.mark.trust("F42")
def test_who_waits_for_a_cancelled_parent_does_not_wait_for_people_of_its_child(house: House) -> None:
    text = "name: parent\nnodes: [{id: score, type: subpipeline, pipeline: child.yaml, onParentCancel: wait}]"
    execution = house.start(text, WAITS).wait(PATIENCE, or_waiting=True)
    execution.cancel().wait(PATIENCE)
    assert [child.status for child in execution.children] == ["waiting"]


@pytest.mark.trust("F42")
def test_on_parent_cancel_wait_lets_the_child_end_by_itself(tmp_path: Path) -> None:
    release = threading.Event()

    def holds(work: Work) -> dict[str, Any]:
        release.wait(PATIENCE)
        return {"n": 1}

    house = House(tmp_path, one=holds)
    execution = house.start(PARENT.replace("child.yaml,", "child.yaml, onParentCancel: wait,"))
    house.child(execution)
    until(lambda: "one" in house.runs())
    execution.cancel().wait(0)
    until(lambda: execution.status == "cancelled")
    release.set()
    execution.wait(PATIENCE)
    assert [child.status for child in execution.children] == ["completed"]
    house.close()


@pytest.mark.trust("F42")
def test_a_cancel_reaches_a_child_that_nobody_drives_any_more(house: House) -> None:
    text = "name: parent\nnodes: [{id: score, type: subpipeline, pipeline: child.yaml}]"
    name = house.start(text, WAITS).wait(PATIENCE, or_waiting=True).id
    house.loop.close()
    other = house.beside().service
    other.cancel(name, here=True).wait(PATIENCE)
    until(lambda: [child.status for child in other.get(name).children] == ["cancelled"])


def test_a_child_that_a_person_cancels_fails_its_node_and_is_not_tried_again(house: House) -> None:
    text = "name: parent\nnodes: [{id: score, type: subpipeline, pipeline: child.yaml, retry: {maxAttempts: 3}}]"
    execution = house.start(text, WAITS).wait(PATIENCE, or_waiting=True)
    house.service.cancel(execution.children[0].id)
    assert execution.wait(PATIENCE).status == "failed"
    error = execution.nodes["score"].error
    assert error is not None and "was cancelled" in error.message and execution.nodes["score"].attempts == 1


def test_a_child_whose_attempt_timed_out_is_cancelled_and_gone_on_with(tmp_path: Path) -> None:
    first, release = threading.Event(), threading.Event()

    def slow_at_first(work: Work) -> dict[str, Any]:
        if not first.is_set():
            first.set()
            work.on_stop(release.set)
            release.wait(PATIENCE)
        return {"n": 1}

    house = House(tmp_path, one=slow_at_first)
    text = PARENT.replace("{n: 5}}", "{n: 5}, timeout: 500ms, retry: {maxAttempts: 20}}")
    execution = house.start(text).wait(PATIENCE)
    assert execution.status == "completed" and execution.nodes["score"].attempts >= 2
    assert execution.children[0].round >= 2 and len(execution.children) == 1
    house.close()


# --- other processes -----------------------------------------------------------------------------------------------------


@pytest.mark.trust("F42")
def test_a_parent_goes_on_with_a_child_that_another_process_drives(tmp_path: Path) -> None:
    house = House(tmp_path)
    text = "name: parent\nnodes: [{id: score, type: subpipeline, pipeline: child.yaml}]"
    parent = house.start(text, WAITS).wait(PATIENCE, or_waiting=True)
    name, child = parent.id, parent.children[0].id
    house.loop.close()
    there = house.beside().service.get(child).resume()
    here = house.beside().service.resume(name)
    until(lambda: here.status == "waiting")
    assert there.is_driven_here and there.status == "waiting"
    there.send_event("go").wait(PATIENCE)
    assert here.wait(PATIENCE).status == "completed"
    assert [one.id for one in here.children] == [child]
    house.close()


@pytest.mark.trust("F42")
def test_a_child_whose_other_process_ends_is_taken_over(tmp_path: Path) -> None:
    house = House(tmp_path)
    text = "name: parent\nnodes: [{id: score, type: subpipeline, pipeline: child.yaml}]"
    parent = house.start(text, WAITS).wait(PATIENCE, or_waiting=True)
    name, child = parent.id, parent.children[0].id
    house.loop.close()
    other = house.beside()
    other.service.get(child).resume()
    third = house.beside().service
    here = third.resume(name)
    until(lambda: here.status == "waiting")
    other.loop.close()
    until(lambda: third._desk.driven_here(child) is not None)
    third.get(child).send_event("go")
    assert here.wait(PATIENCE).status == "completed"
    house.close()
