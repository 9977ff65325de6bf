"""The loop on a store that fails as stores do: at a rate, at every single call, and for good."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.loop.making import Does, World
from yamlflow_nb.domain.event import CustomEventSent, TaskEmitted
from yamlflow_nb.domain.store_error import OwnershipLost, StoreBusy
from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.infrastructure.patience import patient
from yamlflow_nb.infrastructure.store.sqlite_repository import SQLiteRepository
from yamlflow_nb.loop import limits
from yamlflow_nb.testing.faulty_store import FAULTS, FaultyStore
from yamlflow_nb.testing.memory import InMemoryRepository

FLOW = """\
name: flow
nodes:
  - {id: a, type: python, code: pass, outputs: {n: integer}}
  - {id: b, type: python, code: pass, retry: {maxAttempts: 2, delay: 1m}, startWhen: "event:a.completed"}
  - {id: c, type: python, code: pass, forEach: "{{ [1, 2, 3] }}", startWhen: "event:a.completed"}
  - {id: d, type: python, code: pass, startWhen: "all(event:b.completed, event:c.completed)", emits: [half]}
  - {id: e, type: wait, event: custom.go, startWhen: "event:d.half"}
outputs: {n: "{{ a.n }}", go: "{{ e.x }}"}
"""
CHAIN = "name: chain\nnodes: [{id: a, type: python, code: pass}, {id: b, type: python, code: pass, startWhen: 'event:a.completed'}]"


class Doing(Does):
    """Fails ``b`` the first time, emits in ``d``; counts what it is asked to do."""

    def __init__(self) -> None:
        super().__init__(a=lambda work: {"n": 3}, b=self._b, d=self._d)
        self.begun: Counter[Any] = Counter()

    def execute(self, work: Work) -> Any:
        self.begun[work.attempt] += 1
        return super().execute(work)

    def _b(self, work: Work) -> dict[str, Any]:
        if work.attempt.number == 1:
            raise TaskFailed("Flaky", "not yet")
        return {}

    def _d(self, work: Work) -> dict[str, Any]:
        work.emit("half", {})
        return {}


def ran(repository: Any, folder: Path) -> tuple[Any, ...]:
    """The flow from start to end; what is told of it, times apart."""
    doing = Doing()
    with World(folder, {"python": doing}, None, patient(repository, 20.0)) as world:
        run = world.start(FLOW)
        assert world.loop.settle(30), "it does not hang"
        world.loop.tell("e1", CustomEventSent(world.loop.now(), "go", {"x": 5}))
        assert run.wait(30) and run.lost is None, run.lost
    assert set(doing.begun.values()) == {1}, "no attempt twice"
    stored = getattr(repository, "_repository", repository).events("e1")
    kinds = Counter(event.type for event in stored)
    return run.state.status, run.state.outputs, kinds, len(doing.begun), [event.number for event in stored]


def made(kind: str, folder: Path) -> Any:
    return InMemoryRepository() if kind == "memory" else SQLiteRepository(folder / "store.db")


@pytest.mark.trust("F22")
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@pytest.mark.parametrize("seed", range(5))
def test_faults_at_a_rate_change_nothing_but_time(tmp_path: Path, kind: str, seed: int) -> None:
    plain = ran(made("memory", tmp_path), tmp_path)
    faulty = FaultyStore(made(kind, tmp_path), rate=0.15, seed=seed + 1)
    assert ran(faulty, tmp_path) == plain
    assert faulty.injected


@pytest.mark.trust("F22")
@pytest.mark.parametrize("fault", FAULTS[:3])
def test_a_fault_at_every_single_call_changes_nothing(tmp_path: Path, fault: str) -> None:
    counting = FaultyStore(InMemoryRepository(), rate=0.0)
    plain = ran(counting, tmp_path)
    met: set[str] = set()
    for call in range(1, counting.calls + 1):
        faulty = FaultyStore(InMemoryRepository(), faults=[fault], at_call=call)
        assert ran(faulty, tmp_path) == plain, call
        met |= {name for _, name in faulty.injected}
    assert "commit" in met


@pytest.mark.trust("F22")
def test_a_commit_that_was_written_without_an_answer_is_written_once(tmp_path: Path) -> None:
    store = SQLiteRepository(tmp_path / "store.db")
    faulty = FaultyStore(store, rate=1.0, faults=["ExecuteAndTimeout"])
    doing = Doing()
    with World(tmp_path, {"python": doing}, None, _Twice(faulty)) as world:
        run = world.start(CHAIN)
        assert run.wait(20) and run.lost is None
        numbers = [event.number for event in store.events("e1")]
        assert numbers == list(range(1, len(numbers) + 1))
        assert set(doing.begun.values()) == {1}
    store.close()


class _Twice:
    """Asks once more when there was no answer, and takes the second for one: with a store that never answers."""

    def __init__(self, faulty: FaultyStore) -> None:
        self._faulty = faulty

    def __getattr__(self, name: str) -> Any:
        def called(*arguments: Any) -> Any:
            for _ in range(2):
                try:
                    return getattr(self._faulty, name)(*arguments)
                except StoreBusy:
                    pass
            return getattr(self._faulty._repository, name)(*arguments)

        return getattr(self._faulty, name) if name in ("now", "close") else called


def test_an_owner_that_has_lost_everything_starts_nothing(tmp_path: Path) -> None:
    doing = Doing()
    with World(tmp_path, {"python": doing}, None, FaultyStore(InMemoryRepository(), rate=1.0, faults=["OwnershipLost"])) as world:
        with pytest.raises(OwnershipLost):
            world.start(FLOW)
    assert not doing.begun


def test_an_owner_that_loses_its_leases_in_between_starts_nothing_more(tmp_path: Path) -> None:
    begun, release = threading.Event(), threading.Event()
    repository = InMemoryRepository()

    def slow(work: Work) -> dict[str, Any]:
        begun.set()
        release.wait(20)
        return {"n": 1}

    does = Does(a=slow)
    with World(tmp_path, {"python": does}, None, repository) as world:
        run = world.start(FLOW)
        assert begun.wait(10)
        repository.take("e1", "elsewhere/1/a/b", 1, 30, None)
        release.set()
        assert run.wait(10) and isinstance(run.lost, OwnershipLost)
        assert [work.attempt.node for work in does.seen] == ["a"]


# --- leases --------------------------------------------------------------------------------------------------------------


@pytest.mark.trust("F19")
def test_without_an_answer_from_the_store_nothing_new_starts_past_half_the_lease(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store is away: what waits for a worker must not start on a lease that may have run out."""
    begun, release = threading.Event(), threading.Event()
    repository = _Deaf()

    def slow(work: Work) -> dict[str, Any]:
        begun.set()
        release.wait(20)
        return {}

    does = Does(a=slow)
    text = "name: two\nnodes: [{id: a, type: python, code: pass}, {id: b, type: python, code: pass}]"
    with World(tmp_path, {"python": does}, None, repository, workers=1) as world:
        world.start(text)
        assert begun.wait(10)
        repository.deaf.set()
        world.loop.tenure._confirmed -= 16.0  # more than half of thirty seconds ago
        release.set()
        assert repository.asked_while_deaf.wait(10), "it tries to be sure"
        assert [work.attempt.node for work in does.seen] == ["a"]
        repository.deaf.clear()
        assert world.loop.settle(20)
        assert [work.attempt.node for work in does.seen] == ["a", "b"], "with an answer it goes on"


class _Deaf(InMemoryRepository):
    """Does not extend leases while it is deaf."""

    def __init__(self) -> None:
        super().__init__()
        self.deaf, self.asked_while_deaf = threading.Event(), threading.Event()

    def renew(self, owner: str, seconds: float) -> frozenset[str]:
        if self.deaf.is_set():
            self.asked_while_deaf.set()
            raise StoreBusy("away")
        return super().renew(owner, seconds)


# --- events without end --------------------------------------------------------------------------------------------------


@pytest.mark.trust("B32")
def test_a_task_that_emits_without_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_EVENTS", 300)
    monkeypatch.setattr(limits, "MANY_EVENTS", 100)

    def floods(work: Work) -> dict[str, Any]:
        while True:
            work.emit("tick", {})

    text = "name: flood\nnodes: [{id: a, type: python, code: pass, emits: [tick]}, {id: b, type: python, code: pass}]"
    with World(tmp_path, {"python": Does(a=floods)}) as world:
        run = world.start(text)
        assert run.wait(30)
        assert (run.state.nodes["a"].state, run.state.nodes["b"].state) == ("failed", "completed")
        assert run.state.nodes["a"].error_type == "TooManyEvents"
        assert len(run.state.log.rows) <= 300 + 2 * 6 + 10


@pytest.mark.trust("B32")
def test_a_task_that_does_not_listen_is_stopped_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(limits, "MOST_EVENTS", 300)
    monkeypatch.setattr(limits, "MANY_EVENTS", 100)
    with World(tmp_path) as world:
        run = world.start("name: flood\nnodes: [{id: a, type: approval, title: Well?}, {id: b, type: wait, event: custom.go}]")
        key = run.state.nodes["a"].attempt
        assert key is not None
        world.loop.settle(10)
        for _ in range(400):
            world.loop.send("e1", CustomEventSent(world.loop.now(), "tick"))
        assert world.loop.settle(10)
        assert len(run.state.log.rows) == 300 + 2 * 6, "what comes from outside is refused"
        world.loop.tell("e1", TaskEmitted(world.loop.now(), key, "tick"))
        assert run.state.nodes["a"].state == "failed"
    assert caplog.text.count("at most 312 are kept") == 1


def test_the_limit_grows_with_the_execution(tmp_path: Path) -> None:
    text = 'name: wide\nnodes: [{id: a, type: python, code: pass, forEach: "{{ range(0, 25000) }}"}]'
    with World(tmp_path, {"python": Does()}, workers=1) as world:
        run = world.start("name: one\nnodes: [{id: a, type: approval, title: Well?}]")
        assert [run.limit.is_reached(51_205), run.limit.is_reached(51_206)] == [False, True], "a node's own life is not counted"
    from tests.loop.making import plan_of
    from yamlflow_nb.domain.event import Started
    from yamlflow_nb.orchestration.execution_orchestrator import decide, new_execution

    state = new_execution(plan_of(text), "e2")
    decide(state, Started(0.0))
    assert [limits.EventLimit(state).is_reached(count) for count in (3 * 51_200 + 5, 3 * 51_200 + 6)] == [False, True]
