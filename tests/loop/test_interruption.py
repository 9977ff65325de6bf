"""An execution whose process is gone: taken over, answered by ``onInterrupt``, told to nobody twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.loop.making import Does, plan_of
from tests.loop.memory import KeptInMemory, KeptNowhere
from yamlflow_nb.domain.event import AttemptKey, InterruptionAnswered, TakenOver, TaskFinished, TimerFired
from yamlflow_nb.domain.store_error import OwnershipLost, UnreadableRecord
from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.executors.registry import task_types
from yamlflow_nb.loop.kernel_loop import KernelLoop
from yamlflow_nb.orchestration.replay import Replay
from yamlflow_nb.services.command_error import CommandError
from yamlflow_nb.services.execution_service import ExecutionService
from yamlflow_nb.services.pipeline_service import PipelineService
from yamlflow_nb.testing.scripted import ManualClock


class Process:
    """One of several processes on a store in memory. ``die`` makes the others see that it is gone; its threads live on, as a
    stopped process's do when it is woken."""

    dead: set[str] = set()

    def __init__(self, folder: Path, repository: KeptInMemory, name: str, clock: Any = None, **doing: Any) -> None:
        self.owner = f"here/{name}/a/{name}"
        self.does = Does(**doing)
        self.loop = KernelLoop(
            repository, {"python": self.does}, KeptNowhere(), clock or ManualClock(1_700_000_000.0), runs_folder=folder,
            presence=self, bell=repository.bell,
        )  # fmt: skip
        self.service = ExecutionService(self.loop, repository, KeptNowhere(), PipelineService(task_types()))

    def is_gone(self, owner: str) -> bool:
        return owner in self.dead

    def die(self) -> None:
        self.dead.add(self.owner)


class World:
    """Processes on one store, closed at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.repository = folder, KeptInMemory()
        self.processes: list[Process] = []
        self.release = threading.Event()

    def process(self, clock: Any = None, **doing: Any) -> Process:
        self.processes.append(Process(self.folder, self.repository, str(len(self.processes) + 1), clock, **doing))
        return self.processes[-1]

    def left_running(self, text: str, *nodes: str) -> str:
        """An execution whose process has gone while these nodes were at work."""
        begun = {node: threading.Event() for node in nodes}

        def hangs(work: Work) -> dict[str, Any]:
            begun[work.attempt.node].set()
            self.release.wait(60)
            return {"late": True}

        first = self.process(**dict.fromkeys(nodes, hangs))
        execution = first.service.start(text)
        assert all(event.wait(10) for event in begun.values())
        first.die()
        return execution.id


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.release.set()
    for process in made.processes:
        process.service.close()
    Process.dead.clear()


def one(policy: str, more: str = "") -> str:
    return f"name: one\nnodes: [{{id: a, type: python, code: pass, onInterrupt: {policy}{more}}}]"


def types(execution: Any) -> list[str]:
    return [event.type for event in execution.events]


def test_others_see_that_it_is_interrupted(world: World) -> None:
    name = world.left_running(one("retry"), "a")
    other = world.process()
    assert other.service.get(name).status == "interrupted"
    assert [record.status for record in other.service.list()] == ["interrupted"]
    with pytest.raises(CommandError, match="YF722"):
        other.service.get(name).cancel()


def test_an_event_of_an_interrupted_execution_is_kept_and_taken_in_when_it_goes_on(world: World) -> None:
    name = world.left_running(one("retry"), "a")
    other = world.process()
    for _ in range(2):
        assert other.service.send_event("go", name, {"n": 1}, key="once").status == "interrupted"
    execution = world.process(a=lambda work: {}).service.resume(name).wait(10)
    assert execution.status == "completed"
    assert [event.payload["n"] for event in execution.events if event.type == "custom.go"] == [1]


def test_retry_runs_the_attempt_again_and_does_not_count_it(world: World) -> None:
    name = world.left_running(one("retry"), "a")
    execution = world.process(a=lambda work: {"n": work.attempt.number}).service.resume(name).wait(10)
    assert (execution.status, execution.nodes["a"].outputs, execution.nodes["a"].attempts) == ("completed", {"n": 2}, 2)
    assert types(execution)[:4] == ["pipeline.started", "a.started", "pipeline.resumed", "a.retrying"]
    assert execution.events[2].payload["interrupted"] == ["a, attempt 1"]
    assert execution.events[3].payload["reason"] == "interrupted"


def test_an_interrupted_attempt_leaves_all_tries_to_the_task(world: World) -> None:
    def failing(work: Work) -> dict[str, Any]:
        raise TaskFailed("ValueError", "no")

    name = world.left_running(one("retry", ", retry: {maxAttempts: 2}"), "a")
    execution = world.process(a=failing).service.resume(name).wait(10)
    assert execution.nodes["a"].attempts == 3, "one was interrupted, two failed"


def test_fail_is_a_failure_with_its_own_reason(world: World) -> None:
    name = world.left_running(one("fail"), "a")
    execution = world.process().service.resume(name).wait(10)
    assert (execution.status, execution.nodes["a"].reason) == ("failed", "interrupted")
    assert execution.nodes["a"].error is not None and execution.nodes["a"].error.code == "YF416"


def test_fail_is_retried_as_other_failures_are(world: World) -> None:
    more = ", retry: {maxAttempts: 2}, retryWhen: \"{{ attempt.reason == 'interrupted' }}\""
    name = world.left_running(one("fail", more), "a")
    execution = world.process().service.resume(name).wait(10)
    assert (execution.status, execution.nodes["a"].attempts) == ("completed", 2)


@pytest.mark.parametrize("answer", ["retry", "fail"])
def test_ask_waits_for_a_person(world: World, answer: Literal["retry", "fail"]) -> None:
    name = world.left_running(one("ask"), "a")
    execution = world.process().service.resume(name).wait(10, or_waiting=True)
    assert (execution.status, execution.nodes["a"].state, execution.waiting_for) == ("waiting", "waiting", ["a"])
    assert "retry or fail" in execution.why("a")
    execution.answer("a", answer, by="ada").wait(10)
    assert execution.status == ("completed" if answer == "retry" else "failed")
    execution = world.process().service.get(name)
    assert execution.nodes["a"].reason == (None if answer == "retry" else "interrupted")


def test_who_asks_may_be_cancelled(world: World) -> None:
    name = world.left_running(one("ask"), "a")
    execution = world.process().service.resume(name).wait(10, or_waiting=True)
    assert execution.cancel().wait(10).status == "cancelled"


def test_a_node_that_takes_its_process_down_each_time_is_asked_about(world: World) -> None:
    name = world.left_running(one("retry"), "a")
    for _ in range(3):
        begun = threading.Event()

        def hangs(work: Work, begun: threading.Event = begun) -> dict[str, Any]:
            begun.set()
            world.release.wait(60)
            return {}

        process = world.process(a=hangs)
        process.service.resume(name)
        assert begun.wait(10)
        process.die()
    execution = world.process().service.resume(name).wait(10, or_waiting=True)
    assert (execution.status, execution.nodes["a"].attempts) == ("waiting", 4)


def test_items_are_interrupted_one_by_one(world: World) -> None:
    text = one("retry", ', forEach: "{{ [1, 2, 3, 4] }}", maxParallel: 2')
    seen: list[Any] = []
    begun = threading.Barrier(3)

    def half(work: Work) -> dict[str, Any]:
        if work.attempt.item in (0, 1):
            return {"n": work.attempt.item}
        begun.wait(10)
        world.release.wait(60)
        return {}

    process = world.process(a=half)
    name = process.service.start(text).id
    begun.wait(10)
    process.die()

    def again(work: Work) -> dict[str, Any]:
        seen.append((work.attempt.item, work.attempt.number))
        return {"n": work.attempt.item}

    execution = world.process(a=again).service.resume(name).wait(10)
    assert execution.nodes["a"].outputs == {"n": [0, 1, 2, 3]}
    assert sorted(seen) == [(2, 2), (3, 2)], "items with a result do not run again"


def test_items_that_ask_are_answered_together_or_one_by_one(world: World) -> None:
    text = one("ask", ', forEach: "{{ [1, 2, 3] }}", onItemFailure: continue')
    begun = threading.Barrier(4)

    def hangs(work: Work) -> dict[str, Any]:
        begun.wait(10)
        world.release.wait(60)
        return {}

    process = world.process(a=hangs)
    name = process.service.start(text).id
    begun.wait(10)
    process.die()
    execution = world.process(a=lambda work: {"n": work.attempt.item}).service.resume(name).wait(10, or_waiting=True)
    assert execution.status == "waiting"
    execution.answer("a", "fail", item=1)
    execution.answer("a", "retry")
    assert execution.wait(10).nodes["a"].outputs == {"n": [0, None, 2]}


def test_an_iteration_of_repeat_is_tried_again_with_what_the_last_one_gave(world: World) -> None:
    text = one("retry", ', repeat: {until: "{{ a.n >= 3 }}"}, outputs: {n: integer}')
    begun = threading.Event()

    def counts(work: Work) -> dict[str, Any]:
        if work.attempt.iteration == 2:
            begun.set()
            world.release.wait(60)
        return {"n": work.attempt.iteration}

    process = world.process(a=counts)
    name = process.service.start(text).id
    assert begun.wait(10)
    process.die()
    execution = world.process(a=lambda work: {"n": work.attempt.iteration}).service.resume(name).wait(10)
    assert (execution.status, execution.nodes["a"].outputs) == ("completed", {"n": 3})


def test_what_people_and_events_are_awaited_for_is_awaited_still(world: World) -> None:
    process = world.process()
    name = process.service.start(
        "name: hold\nnodes: [{id: a, type: wait, event: custom.go}, {id: b, type: approval, title: Well?}]"
    ).id
    assert process.loop.settle(10)
    process.die()
    execution = world.process().service.resume(name).wait(10, or_waiting=True)
    assert (execution.status, sorted(execution.waiting_for)) == ("waiting", ["b", "custom.go"])
    assert execution.send_event("go", {"n": 1}).nodes["a"].outputs == {"n": 1}


def test_a_pause_ends_with_resume(world: World) -> None:
    process = world.process()
    execution = process.service.start("name: hold\nnodes: [{id: a, type: wait, event: custom.go}]")
    execution.pause()
    process.die()
    resumed = world.process().service.resume(execution.id).wait(10, or_waiting=True)
    assert resumed.status == "waiting" and types(resumed).count("pipeline.resumed") == 1


class StandingClock:
    """A clock that nobody moves."""

    def __init__(self, at: float) -> None:
        self.at = at

    def now(self) -> float:
        return self.at


def test_timers_ring_at_their_stored_times(world: World) -> None:
    text = "name: late\nnodes: [{id: a, type: approval, title: Well?, waitTimeout: 1h}]\ntimeout: 3h"
    process = world.process(StandingClock(1000.0))
    name = process.service.start(text).id
    process.die()
    early = world.process(StandingClock(2000.0))
    assert early.service.resume(name).status == "waiting"
    early.die()
    late = world.process(StandingClock(9000.0))
    execution = late.service.resume(name).wait(10)
    assert (execution.nodes["a"].reason, execution.status) == ("timeout", "failed")
    fired = [fact for fact in world.repository.facts(name) if isinstance(fact, TimerFired)]
    assert [(fact.timer, fact.at) for fact in fired] == [("wait:a", 4600.0)]


def test_an_attempt_that_was_interrupted_does_not_time_out_as_well(world: World) -> None:
    begun = threading.Event()

    def hangs(work: Work) -> dict[str, Any]:
        begun.set()
        world.release.wait(60)
        return {}

    process = world.process(StandingClock(1000.0), a=hangs)
    name = process.service.start(one("retry", ", timeout: 10m")).id
    assert begun.wait(10)
    process.die()
    execution = world.process(StandingClock(9000.0)).service.resume(name).wait(10)
    assert execution.status == "completed"
    assert not [fact for fact in world.repository.facts(name) if isinstance(fact, TimerFired)]


def test_the_woken_owner_gives_it_up_and_its_late_result_counts_for_nothing(world: World) -> None:
    name = world.left_running(one("retry"), "a")
    first = world.processes[0]
    handle = first.service.get(name)
    execution = world.process(a=lambda work: {"n": 2}).service.resume(name).wait(10)
    world.release.set()
    with pytest.raises(CommandError, match="YF706"):
        handle.wait(10)
    run = handle._run
    assert isinstance(run.lost, OwnershipLost) and handle.status == "interrupted"
    assert execution.nodes["a"].outputs == {"n": 2}
    assert first.service.get(name).status == "completed", "looked at anew, it is what the store says"


@pytest.mark.trust("F18")
def test_of_two_that_resume_one_drives_and_the_other_follows(world: World) -> None:
    name = world.left_running(one("ask"), "a")
    one_, two = world.process().service.get(name), world.process().service.get(name)
    one_.resume()
    assert two.status == "waiting"
    two.resume()  # a pause would end; there is none
    assert two.answer("a", "retry", by="bob").wait(10).status == "completed"
    assert types(two).count("pipeline.resumed") == 1


def test_closing_a_loop_lets_another_go_on_at_once(world: World) -> None:
    process = world.process()
    name = process.service.start("name: hold\nnodes: [{id: a, type: wait, event: custom.go}]").id
    process.service.close()
    other = world.process().service.get(name)
    assert other.status == "interrupted"
    assert other.resume().send_event("go").wait(10).status == "completed"


def test_an_execution_that_has_ended_cannot_be_resumed(house_of: World) -> None:
    execution = house_of.process().service.start(one("retry")).wait(10)
    with pytest.raises(CommandError, match="YF702"):
        house_of.process().service.get(execution.id).resume()


@pytest.fixture
def house_of(world: World) -> World:
    return world


def test_resume_without_an_id_takes_the_one_that_is_interrupted(world: World) -> None:
    name = world.left_running(one("retry"), "a")
    world.process().service.start(one("retry").replace("one", "two")).wait(10)
    assert world.process().service.resume().wait(10).id == name


def test_resume_without_an_id_names_several(world: World) -> None:
    for _ in range(2):
        world.left_running(one("retry"), "a")
    with pytest.raises(CommandError, match="several executions are interrupted"):
        world.process().service.resume()


# --- what the facts say, and what is stored ------------------------------------------------------------------------------


def test_a_projection_that_was_changed_is_a_loud_difference(world: World) -> None:
    name = world.left_running(one("retry"), "a")
    world.repository._kept[name].variables["system.initiator"] = "mallory"
    other = world.process().service
    with pytest.raises(UnreadableRecord, match=r"the value of `system\.initiator` is not the one that the facts give"):
        other.resume(name)
    assert (other.get(name).status, other.get(name).reason) == ("paused", "quarantined")
    with pytest.raises(UnreadableRecord, match="set aside"):
        world.process().service._desk.take_over(name, None, False, None)
    assert other.resume(name, force=True).wait(10).status == "completed"


def test_an_interruption_is_replayed_as_it_was_decided(world: World) -> None:
    name = world.left_running(one("ask"), "a")
    execution = world.process().service.resume(name).wait(10, or_waiting=True)
    execution.answer("a", "retry").wait(10)
    facts = world.repository.facts(name)
    assert [type(fact) for fact in facts if isinstance(fact, (TakenOver, InterruptionAnswered))] == [
        TakenOver,
        InterruptionAnswered,
    ]
    replay = Replay(plan_of(one("ask")), name)
    replay.add(facts)
    assert replay.state.log.rows == world.repository.events(name) and replay.timers == {}


def test_an_answer_to_a_node_that_does_not_ask_changes_nothing(world: World) -> None:
    execution = world.process().service.start("name: hold\nnodes: [{id: a, type: wait, event: custom.go}]")
    before = types(execution)
    execution.answer("a", "fail")
    assert types(execution) == before and execution.nodes["a"].state == "waiting"


def test_a_late_result_of_the_interrupted_attempt_is_no_result(world: World) -> None:
    name = world.left_running(one("ask"), "a")
    process = world.process()
    execution = process.service.resume(name).wait(10, or_waiting=True)
    key = next(fact for fact in world.repository.facts(name) if isinstance(fact, TakenOver))
    assert key.by is not None
    process.loop.tell(name, TaskFinished(process.loop.now(), AttemptKey("a", 1, 0, None, 1), "completed", {"late": True}))
    assert execution.nodes["a"].state == "waiting"
