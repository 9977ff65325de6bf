"""Nodes with ``resources``: queued until their pool has room, in every way that an attempt can begin and end."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.loop.making import Does, World
from yamlflow_nb.domain.decision import AskRoom
from yamlflow_nb.domain.event import CancelRequested, PauseRequested, ResumeRequested, RetryRequested, TakenOver
from yamlflow_nb.domain.pool import PoolSize
from yamlflow_nb.domain.ports.settings import NoSettings
from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.infrastructure.resource_manager import PoolName
from yamlflow_nb.infrastructure.system_clock import SystemClock
from yamlflow_nb.loop.resume import compare, read_back
from yamlflow_nb.loop.run import Run
from yamlflow_nb.orchestration.execution_orchestrator import decide
from yamlflow_nb.orchestration.why import why
from yamlflow_nb.testing.scripted import ManualClock

ONE = "name: p\nresources: {pools: {gpu: 1}}\n"
TWO = ONE + "defaults: {resources: {pool: gpu}}\nnodes: [{id: a, type: python, code: x}, {id: b, type: python, code: x}]"
PATIENCE = 20.0


class Configured(NoSettings):
    """One pool is configured."""

    def pools(self, folder: Path) -> Mapping[str, PoolSize]:
        return {"licence": PoolSize(1)}


class Gauge:
    """Counts who is at work at one moment; holds them until ``open``."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self.gate = threading.Event()
        self.changed = threading.Condition()

    def __call__(self, work: Work) -> dict[str, Any]:
        with self.changed:
            self.now += 1
            self.most = max(self.most, self.now)
            self.changed.notify_all()
        self.gate.wait(PATIENCE)
        with self.changed:
            self.now -= 1
        return {"n": work.inputs.get("n", 0)}

    def await_busy(self, number: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.now == number, PATIENCE)


@pytest.fixture
def gauge() -> Iterator[Gauge]:
    made = Gauge()
    yield made
    made.gate.set()


def world(folder: Path, **doing: Any) -> World:
    return World(folder, {"python": Does(**doing)}, SystemClock(), settings=Configured())


def until(run: Run, node: str, state: str) -> None:
    seen = -1
    while True:
        with run.lock:
            if run.state.nodes[node].state == state:
                return
        seen = run.wait_for_change(seen, 1.0)


def state_of(run: Run, node: str) -> str:
    with run.lock:
        return run.state.nodes[node].state


def same_after_replay(world: World, run: Run) -> None:
    record = world.repository.execution(run.id)
    assert record is not None
    assert compare(world.repository, record, read_back(world.repository, run.id, run.plan)) == []


def test_a_node_is_queued_until_its_pool_has_room(tmp_path: Path, gauge: Gauge) -> None:
    with world(tmp_path, a=gauge, b=gauge) as made:
        run = made.start(TWO)
        until(run, "a", "running")
        gauge.await_busy(1)
        assert state_of(run, "b") == "queued"
        assert "queued: waits for 1 slot of the pool `gpu`" in why(run.state, "b")
        gauge.gate.set()
        assert run.wait(PATIENCE) and run.state.status == "completed" and gauge.most == 1
        assert made.types().index("a.completed") < made.types().index("b.started")
        same_after_replay(made, run)


def test_items_share_their_pool_and_start_in_order(tmp_path: Path, gauge: Gauge) -> None:
    text = """name: p
resources: {pools: {gpu: 2}}
nodes: [{id: a, type: python, code: x, resources: {pool: gpu}, forEach: "{{ range(0, 7) }}", inputBindings: {n: "{{ item }}"}}]"""
    with world(tmp_path, a=gauge) as made:
        run = made.start(text)
        gauge.await_busy(2)
        gauge.gate.set()
        assert run.wait(PATIENCE) and gauge.most == 2
        assert run.state.nodes["a"].outputs["n"] == list(range(7))
        same_after_replay(made, run)


def test_higher_priority_starts_first(tmp_path: Path, gauge: Gauge) -> None:
    text = (
        ONE
        + """defaults: {resources: {pool: gpu}}
nodes:
  - {id: first, type: python, code: x}
  - {id: low, type: python, code: x, startWhen: "event:first.started"}
  - {id: high, type: python, code: x, priority: 3, startWhen: "event:first.started"}"""
    )
    with world(tmp_path, first=gauge) as made:
        run = made.start(text)
        until(run, "low", "queued")
        gauge.gate.set()
        assert run.wait(PATIENCE)
        assert made.types().index("high.started") < made.types().index("low.started")


def test_a_failed_attempt_gives_its_room_back_while_it_waits_for_the_next(tmp_path: Path) -> None:
    tries: list[int] = []

    def fail_once(work: Work) -> dict[str, Any]:
        tries.append(work.attempt.number)
        if len(tries) == 1:
            raise TaskFailed("ValueError", "once")
        return {}

    text = (
        ONE
        + """defaults: {resources: {pool: gpu}}
nodes:
  - {id: a, type: python, code: x, priority: 1, retry: {maxAttempts: 2}}
  - {id: b, type: python, code: x, repeat: {until: "{{ b.n >= 0 }}", maxIterations: 2}}"""
    )
    with world(tmp_path, a=fail_once, b=lambda work: {"n": 1}) as made:
        run = made.start(text)
        assert run.wait(PATIENCE) and run.state.status == "completed" and tries == [1, 2]
        assert made.loop.resources.in_use()[PoolName("default/p", "gpu")][0] == 0
        same_after_replay(made, run)


def test_no_further_item_starts_after_one_failed_also_of_those_in_line(tmp_path: Path) -> None:
    def fail(work: Work) -> dict[str, Any]:
        raise TaskFailed("ValueError", "bad")

    text = ONE + "nodes: [{id: a, type: python, code: x, resources: {pool: gpu}, forEach: [1, 2, 3]}]"
    with world(tmp_path, a=fail) as made:
        run = made.start(text)
        assert run.wait(PATIENCE) and run.state.nodes["a"].state == "failed"
        fan = run.state.nodes["a"].fan
        assert fan is not None and [item.state for item in fan.runs] == ["failed", "pending", "pending"]
        same_after_replay(made, run)


def test_a_cancelled_node_leaves_the_line(tmp_path: Path, gauge: Gauge) -> None:
    text = (
        ONE
        + """defaults: {resources: {pool: gpu}}
nodes:
  - {id: a, type: python, code: x}
  - {id: b, type: python, code: x, stopWhen: "event:custom.stop"}
  - {id: c, type: python, code: x, always: true}"""
    )
    with world(tmp_path, a=gauge) as made:
        run = made.start(text)
        until(run, "b", "queued")
        gauge.await_busy(1)  # one that has not begun would give its room back at once
        made.loop.tell(run.id, CancelRequested(made.loop.now(), "me"))
        assert state_of(run, "b") == "cancelled" and state_of(run, "c") == "queued"
        gauge.gate.set()
        assert run.wait(PATIENCE) and run.state.nodes["c"].state == "completed"
        same_after_replay(made, run)


def test_room_that_comes_in_a_pause_is_asked_for_again_after_it(tmp_path: Path, gauge: Gauge) -> None:
    with world(tmp_path, a=gauge) as made:
        run = made.start(TWO)
        until(run, "b", "queued")
        made.loop.tell(run.id, PauseRequested(made.loop.now()))
        gauge.gate.set()
        until(run, "a", "completed")
        assert state_of(run, "b") == "queued"
        made.loop.tell(run.id, ResumeRequested(made.loop.now()))
        assert run.wait(PATIENCE) and run.state.status == "completed"
        same_after_replay(made, run)


def test_executions_share_the_pools_of_the_configuration(tmp_path: Path, gauge: Gauge) -> None:
    text = "name: {0}\nnodes: [{{id: a, type: python, code: x, resources: {{pool: licence}}}}]"
    with world(tmp_path, a=gauge) as made:
        one = made.start(text.format("p"), "e1")
        gauge.await_busy(1)
        two = made.start(text.format("q"), "e2")
        assert state_of(two, "a") == "queued"
        gauge.gate.set()
        assert one.wait(PATIENCE) and two.wait(PATIENCE) and gauge.most == 1


def test_another_round_asks_for_room_of_its_own(tmp_path: Path) -> None:
    tries: list[int] = []

    def fail_once(work: Work) -> dict[str, Any]:
        tries.append(1)
        if len(tries) == 1:
            raise TaskFailed("ValueError", "once")
        return {}

    with world(tmp_path, a=fail_once) as made:
        run = made.start(ONE + "nodes: [{id: a, type: python, code: x, resources: {pool: gpu}}]")
        assert run.wait(PATIENCE) and run.state.status == "failed"
        record = made.repository.execution(run.id)
        assert record is not None
        replay = read_back(made.repository, run.id, run.plan)
        again = made.loop.take_over(record, replay, 1, RetryRequested(made.loop.now(), by="me"))
        assert again.wait(PATIENCE) and again.state.status == "completed" and len(tries) == 2


def test_a_node_that_waits_for_room_when_its_process_dies_asks_the_next_one(tmp_path: Path, gauge: Gauge) -> None:
    with world(tmp_path, a=gauge) as made:
        run = made.start(TWO)
        until(run, "b", "queued")
        replay = read_back(made.repository, run.id, run.plan)
        assert list(replay.state.room_asked) == [("b", None)]
        decided = decide(replay.state, TakenOver(made.loop.now(), "other"))[1].decisions
        asked = [one.node for one in decided if isinstance(one, AskRoom)]
        assert asked == ["b", "a"]


@pytest.mark.trust("F68")
def test_a_thousand_that_fail_at_once_come_back_spread_and_never_more_than_may(tmp_path: Path) -> None:
    tries: dict[int, list[float]] = {}
    busy = most = 0
    lock = threading.Lock()
    clock = ManualClock()

    def fail_once(work: Work) -> dict[str, Any]:
        nonlocal busy, most
        with lock:
            busy += 1
            most = max(most, busy)
            seen = tries.setdefault(int(work.inputs["n"]), [])
            seen.append(clock.now())
        try:
            if len(seen) == 1:
                raise TaskFailed("Overloaded", "all at once")
            return {}
        finally:
            with lock:
                busy -= 1

    text = """name: storm
resources: {pools: {service: 4}}
nodes:
  - id: a
    type: python
    code: x
    resources: {pool: service}
    forEach: "{{ range(0, 1000) }}"
    inputBindings: {n: "{{ item }}"}
    retry: {maxAttempts: 2, delay: 10s, jitter: true}"""
    with World(tmp_path, {"python": Does(a=fail_once)}, clock, workers=8) as made:
        run = made.start(text)
        assert run.wait(PATIENCE) and run.state.status == "completed"
        waited = [second - first for first, second in tries.values()]
        assert len(waited) == 1000 and most <= 4
        # Ten seconds at least, and up to ten more by chance: no second wave that comes in one moment.
        assert min(waited) >= 10 and max(waited) <= 20.1 and len({round(one, 3) for one in waited}) > 900
        same_after_replay(made, run)
