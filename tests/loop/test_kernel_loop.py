"""The loop itself: turns, commits, threads, and what happens when something breaks."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from tests.loop.making import Does, World
from yamlflow_nb.domain.event import CancelRequested, CustomEventSent, ResumeRequested, TaskFinished
from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.infrastructure.system_clock import SystemClock
from yamlflow_nb.loop.kernel_loop import LoopClosed
from yamlflow_nb.loop.resume import Follower

TWO = """\
name: two
nodes:
  - {id: a, type: python, code: pass, outputs: {n: integer}}
  - {id: b, type: python, code: pass, startWhen: "event:a.completed", inputBindings: {n: "{{ a.n }}"}}
outputs: {n: "{{ a.n }}"}
"""
ONE = """\
name: one
nodes: [{id: a, type: python, code: pass}]
"""


def test_a_result_starts_what_waited_for_it(tmp_path: Path) -> None:
    does = Does(a=lambda work: {"n": 3})
    with World(tmp_path, {"python": does}) as world:
        run = world.start(TWO)
        assert run.wait(10)
        assert run.state.status == "completed" and run.state.outputs == {"n": 3}
        assert [work.attempt.node for work in does.seen] == ["a", "b"]
        assert does.seen[1].inputs == {"n": 3}


def test_an_execution_is_in_the_store_when_start_returns(tmp_path: Path) -> None:
    held = threading.Event()
    with World(tmp_path, {"python": Does(a=lambda work: {"held": held.wait(10)})}) as world:
        run = world.start(ONE)
        assert world.types() == ["pipeline.started", "a.started"]
        held.set()
        assert run.wait(10)


def test_what_a_result_brings_is_one_commit(tmp_path: Path) -> None:
    with World(tmp_path, {"python": Does(a=lambda work: {"n": 1})}) as world:
        assert world.start(TWO).wait(10)
        (commit,) = (
            one for commits in world.repository.commits for one in commits if any(e.type == "a.completed" for e in one.events)
        )
        assert [event.type for event in commit.events] == ["a.completed", "a.passed", "a.finished", "b.started"]
        assert [node.node for node in commit.nodes] == ["a", "b"]
        assert ("a", "n", 1) in commit.variables


def test_the_record_of_a_finished_execution_has_status_and_outputs(tmp_path: Path) -> None:
    with World(tmp_path, {"python": Does(a=lambda work: {"n": 7})}) as world:
        assert world.start(TWO).wait(10)
        record = world.repository.records["e1"]
        assert (record.status, record.reason, record.outputs) == ("completed", None, {"n": 7})


def test_a_task_that_raises_fails_its_node_with_type_and_message(tmp_path: Path) -> None:
    def burst(work: Work) -> dict[str, Any]:
        raise ZeroDivisionError("no")

    with World(tmp_path, {"python": Does(a=burst)}) as world:
        run = world.start(ONE)
        assert run.wait(10)
        node = run.state.nodes["a"]
        assert (node.state, node.reason, node.error_type, node.error and node.error.message) == (
            "failed", "error", "ZeroDivisionError", "no",
        )  # fmt: skip


def test_a_task_that_wants_to_end_the_process_only_fails(tmp_path: Path) -> None:
    def leave(work: Work) -> dict[str, Any]:
        raise SystemExit(3)

    with World(tmp_path, {"python": Does(a=leave)}) as world:
        run = world.start(ONE)
        assert run.wait(10) and run.state.nodes["a"].error_type == "SystemExit"


def test_a_failed_attempt_is_tried_again_after_its_delay_without_waiting(tmp_path: Path) -> None:
    text = ONE.replace("code: pass", "code: pass, retry: {maxAttempts: 3, delay: 1h}")
    failing = iter([True, True, False])

    def sometimes(work: Work) -> dict[str, Any]:
        if next(failing):
            raise TaskFailed("Flaky", "not yet")
        return {}

    with World(tmp_path, {"python": Does(a=sometimes)}) as world:
        run = world.start(text)
        assert run.wait(10) and run.state.status == "completed"
        assert run.state.nodes["a"].attempts == 3
        assert world.clock.now() == 7200.0


def test_a_task_type_without_an_executor_fails_and_says_so(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        run = world.start(ONE)
        assert run.wait(10)
        error = run.state.nodes["a"].error
        assert error is not None and error.message == "task type `python` cannot run yet"


def test_an_approval_is_not_executed_and_the_run_waits(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        run = world.start("name: ask\nnodes: [{id: a, type: approval, title: Well?}]")
        assert world.loop.settle(10)
        assert run.state.status == "waiting" and not run.is_over
        assert world.repository.records["e1"].status == "waiting"


def test_an_awaited_event_completes_the_node_that_waits_for_it(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        run = world.start("name: hold\nnodes: [{id: a, type: wait, event: custom.go}]")
        assert world.loop.settle(10) and run.state.status == "waiting"
        world.loop.send("e1", CustomEventSent(world.loop.now(), "go", {"n": 2}))
        assert run.wait(10) and run.state.nodes["a"].outputs == {"n": 2}


def test_a_result_that_comes_twice_changes_nothing(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        run = world.start("name: ask\nnodes: [{id: a, type: approval, title: Well?}, {id: b, type: approval, title: Well?}]")
        key = run.state.nodes["a"].attempt
        assert key is not None
        for _ in range(2):
            world.loop.send("e1", TaskFinished(world.loop.now(), key, "approved"))
        assert world.loop.settle(10)
        assert world.types().count("a.completed") == 1


def test_a_late_result_of_a_cancelled_attempt_is_ignored(tmp_path: Path) -> None:
    begun, held = threading.Event(), threading.Event()

    def slow(work: Work) -> dict[str, Any]:
        begun.set()
        held.wait(10)
        return {"late": True}

    with World(tmp_path, {"python": Does(a=slow)}) as world:
        run = world.start(ONE)
        assert begun.wait(10)
        world.loop.send("e1", CancelRequested(world.loop.now()))
        assert run.wait(10) and run.state.status == "cancelled"
        events = world.types()
        held.set()
        assert world.loop.settle(10)
        assert world.types() == events and run.state.nodes["a"].outputs == {}


def test_a_command_to_an_ended_execution_leaves_no_trace(tmp_path: Path) -> None:
    with World(tmp_path, {"python": Does()}) as world:
        assert world.start(ONE).wait(10)
        facts = world.repository.facts("e1")
        world.loop.send("e1", ResumeRequested(world.loop.now()))
        assert world.loop.settle(10)
        assert world.repository.facts("e1") == facts


def test_what_cannot_be_written_gives_up_that_execution_and_no_other(tmp_path: Path) -> None:
    text = "name: hold\nnodes: [{id: a, type: wait, event: custom.go}]"
    with World(tmp_path) as world:
        first, second = world.start(text, "e1"), world.start(text, "e2")
        assert world.loop.settle(10)
        world.repository.refuse.add("e1")
        at = world.loop.now()
        world.loop.send("e1", CustomEventSent(at, "go"))
        world.loop.send("e2", CustomEventSent(at, "go"))
        assert first.wait(10) and second.wait(10)
        assert isinstance(first.lost, OSError) and second.lost is None
        assert second.state.status == "completed"
        assert world.repository.records["e1"].status == "waiting"


def test_a_store_that_refuses_the_first_turn_makes_start_raise(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.repository.refuse.add("e1")
        with pytest.raises(OSError, match="disk full"):
            world.start(ONE)


def test_closing_the_loop_tells_who_waits(tmp_path: Path) -> None:
    world = World(tmp_path)
    run = world.start("name: ask\nnodes: [{id: a, type: approval, title: Well?}]")
    world.loop.close()
    assert run.wait(10) and isinstance(run.lost, LoopClosed)
    assert world.repository.records["e1"].status == "waiting"


def test_a_hundred_executions_are_driven_side_by_side(tmp_path: Path) -> None:
    with World(tmp_path, {"python": Does(a=lambda work: {"n": 1})}) as world:
        runs = [world.start(TWO, f"e{number}") for number in range(100)]
        assert all(run.wait(30) for run in runs)
        assert {run.state.status for run in runs} == {"completed"}


def test_no_more_tasks_run_side_by_side_than_there_are_workers(tmp_path: Path) -> None:
    lock, counts = threading.Lock(), [0, 0]

    def counted(work: Work) -> dict[str, Any]:
        with lock:
            counts[0] += 1
            counts[1] = max(counts)
        with lock:
            counts[0] -= 1
        return {}

    text = 'name: each\nnodes: [{id: a, type: python, code: pass, forEach: "{{ range(0, 50) }}"}]'
    with World(tmp_path, {"python": Does(a=counted)}, workers=2) as world:
        assert world.start(text).wait(20)
    assert counts[1] <= 2


def test_with_a_real_clock_timers_ring(tmp_path: Path) -> None:
    held = threading.Event()
    text = ONE.replace("code: pass", "code: pass, timeout: 50ms")
    with World(tmp_path, {"python": Does(a=lambda work: {"done": held.wait(10)})}, SystemClock()) as world:
        run = world.start(text)
        assert run.wait(10) and run.state.nodes["a"].reason == "timeout"
        held.set()


def test_an_execution_is_given_back_by_its_facts(tmp_path: Path) -> None:
    with World(tmp_path, {"python": Does(a=lambda work: {"n": 3})}) as world:
        run = world.start(TWO)
        assert run.wait(10)
        again = Follower(world.repository, run.record, run.plan, frozenset()).run
        assert again.is_over and again.state.outputs == {"n": 3}
        assert again.state.log.rows == world.repository.events("e1")


def test_a_bug_in_the_loop_itself_leaves_nobody_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with World(tmp_path, {"python": Does()}) as world:
        held = world.start("name: hold\nnodes: [{id: a, type: wait, event: custom.go}]")
        with monkeypatch.context() as patched:
            patched.setattr(world.loop._turns, "_write", lambda made: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                world.start(ONE, "e2")
        assert held.wait(10) and isinstance(held.lost, ZeroDivisionError)
        standing = world.repository.standing("e1")
        assert standing is not None and standing.owner is None, "anyone may go on with it"
        assert world.start(ONE, "e3").wait(10), "the loop goes on"
