"""Executions on a real store: started once, cancelled in every state, pinned to their text, set aside when they are spoiled."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.infrastructure.test_store_faults import held
from tests.loop.making import Does
from tests.loop.memory import KeptNowhere
from yamlflow_nb.domain.store_error import UnreadableRecord
from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.executors.registry import task_types
from yamlflow_nb.infrastructure.doorbell import SocketBell
from yamlflow_nb.infrastructure.store.sqlite_repository import SQLiteRepository
from yamlflow_nb.infrastructure.system_clock import SystemClock
from yamlflow_nb.loop.kernel_loop import KernelLoop
from yamlflow_nb.services.command_error import CommandError
from yamlflow_nb.services.execution_service import ExecutionService
from yamlflow_nb.services.pipeline_service import PipelineService

ONE = "name: one\ninputVariables: {n: {type: integer, default: 1}}\nnodes: [{id: a, type: python, code: pass}]"
HOLD = "name: hold\nnodes: [{id: a, type: wait, event: custom.go}]"


class House:
    """Services on a store on disk; ``beside`` opens the same file again, as another process does."""

    def __init__(self, folder: Path, **doing: Any) -> None:
        self.folder = folder
        self.does = Does(**doing)
        self.repository = SQLiteRepository(folder / "store.db")
        self.loop = KernelLoop(
            self.repository, {"python": self.does}, KeptNowhere(), SystemClock(), runs_folder=folder / "runs", bell=self._bell
        )
        self.service = ExecutionService(self.loop, self.repository, KeptNowhere(), PipelineService(task_types()))
        self.others: list[House] = []

    def _bell(self, owner: str, rung: Any) -> SocketBell:
        return SocketBell(self.folder / "store.db", owner.rpartition("/")[2], rung)

    def beside(self, **doing: Any) -> House:
        self.others.append(House(self.folder, **doing))
        return self.others[-1]

    def spoil(self, statement: str, *values: Any) -> None:
        self.repository.database.writer.execute(statement, values)

    def close(self) -> None:
        for one in (*self.others, self):
            one.service.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()


# --- started once --------------------------------------------------------------------------------------------------------


@pytest.mark.trust("F21")
def test_one_key_is_one_execution(house: House) -> None:
    first = house.service.start(ONE, {"n": 2}, idempotency_key="k").wait(10)
    again = house.service.start(ONE, {"n": 2}, idempotency_key="k")
    elsewhere = house.beside().service.start(ONE, {"n": 2}, idempotency_key="k", wait=True)
    assert first.id == again.id == elsewhere.id and len(house.service.list()) == 1
    assert house.service.start(ONE, {"n": 2}, idempotency_key="other").id != first.id


@pytest.mark.trust("F21")
@pytest.mark.parametrize(("text", "n", "what"), [(ONE, 3, "other inputs"), (ONE.replace("one", "two"), 2, "another pipeline")])
def test_the_same_key_with_something_else_is_an_error(house: House, text: str, n: int, what: str) -> None:
    house.service.start(ONE, {"n": 2}, idempotency_key="k").wait(10)
    with pytest.raises(CommandError, match=f"YF721.*{what}"):
        house.service.start(text, {"n": n}, idempotency_key="k")


@pytest.mark.trust("F21")
def test_many_starts_at_one_moment_under_one_key_are_one_execution(house: House) -> None:
    houses, found, barrier = [house, *(house.beside() for _ in range(3))], [], threading.Barrier(8)

    def starts(one: House) -> None:
        barrier.wait(10)
        found.append(one.service.start(HOLD, idempotency_key="k").id)

    threads = [threading.Thread(target=starts, args=(one,)) for one in houses * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 8 and len(set(found)) == 1 and len(house.service.list()) == 1


# --- cancelled -----------------------------------------------------------------------------------------------------------


def _states(release: threading.Event) -> dict[str, tuple[str, dict[str, Any]]]:
    def fails(work: Work) -> dict[str, Any]:
        raise TaskFailed("Flaky", "no")

    def hangs(work: Work) -> dict[str, Any]:
        release.wait(20)
        return {}

    two = "name: two\nnodes: [{id: a, type: python, code: pass}, {id: b, type: wait, event: custom.never}]"
    return {
        "running": (two, {"a": hangs}),
        "between two attempts": (two.replace("code: pass", "code: pass, retry: {maxAttempts: 3, delay: 1h}"), {"a": fails}),
        "waiting": (HOLD, {}),
    }


@pytest.mark.trust("F40")
@pytest.mark.parametrize("from_outside", [False, True], ids=["here", "from outside"])
@pytest.mark.parametrize("state", ["running", "between two attempts", "waiting"])
def test_cancel_ends_it_at_once_in_every_state(tmp_path: Path, state: str, from_outside: bool) -> None:
    release = threading.Event()
    text, doing = _states(release)[state]
    house = House(tmp_path, **doing)
    execution = house.service.start(text)
    seen = execution.version
    while state == "between two attempts" and execution.nodes["a"].state != "retrying":
        seen = execution.wait_for_change(seen, 10)
    telling = house.beside().service.get(execution.id) if from_outside else execution
    telling.cancel(by="ada")
    assert execution.status == "cancelled", "told when the command returns"
    attempts = len(house.does.seen)
    release.set()
    assert execution.wait(10).status == telling.wait(10).status == "cancelled"
    ends = [
        event.type for event in execution.events if event.type in ("pipeline.completed", "pipeline.failed", "pipeline.cancelled")
    ]
    assert ends == ["pipeline.cancelled"] and len(house.does.seen) == attempts
    with pytest.raises(CommandError, match="YF702"):
        telling.cancel()
    house.close()


@pytest.mark.trust("F40")
def test_what_was_queued_for_a_worker_does_not_start_after_cancel(tmp_path: Path) -> None:
    begun, release = threading.Event(), threading.Event()

    def hangs(work: Work) -> dict[str, Any]:
        begun.set()
        release.wait(20)
        return {}

    house = House(tmp_path, a=hangs)
    text = 'name: many\nnodes: [{id: a, type: python, code: pass, forEach: "{{ range(0, 50) }}"}]'
    execution = house.service.start(text)
    assert begun.wait(10)
    execution.cancel().wait(10)
    release.set()
    house.loop.settle(10)
    assert len(house.does.seen) <= 8
    house.close()


@pytest.mark.trust("F41")
def test_cancel_and_completion_at_one_moment_have_one_outcome(tmp_path: Path) -> None:
    gates: dict[str, threading.Event] = {}
    house = House(tmp_path, a=lambda work: {"gone": gates[work.execution_id].wait(20)})
    other = house.beside()
    outcomes = set()
    for number in range(40):
        text = ONE.replace("one", f"race_{number}")
        key = f"race-{number}"
        ready = threading.Event()
        gates = _Gates(gates, ready)
        execution = house.service.start(text, idempotency_key=key)
        gates[execution.id] = threading.Event()
        ready.set()
        telling = other.service.get(execution.id) if number % 2 else execution
        barrier = threading.Barrier(2)

        def lets_go(barrier: threading.Barrier = barrier, gate: threading.Event = gates[execution.id]) -> None:
            barrier.wait(10)
            gate.set()

        thread = threading.Thread(target=lets_go)
        thread.start()
        barrier.wait(10)
        try:
            telling.cancel()
        except CommandError as error:
            assert error.diagnostics[0].code == "YF702"
        thread.join(10)
        execution.wait(10)
        ends = [event.type for event in house.repository.events(execution.id) if event.type.startswith("pipeline.c")]
        assert ends == [f"pipeline.{execution.status}"]
        record = house.repository.execution(execution.id)
        assert record is not None and record.status == execution.status
        outcomes.add(execution.status)
    assert outcomes <= {"completed", "cancelled"}
    house.close()


class _Gates(dict[str, threading.Event]):
    """Looked up by tasks that begin before their gate is there."""

    def __init__(self, before: dict[str, threading.Event], ready: threading.Event) -> None:
        super().__init__(before)
        self._ready = ready

    def __missing__(self, name: str) -> threading.Event:
        self._ready.wait(10)
        return self.get(name) or threading.Event()


# --- pinned to its text ------------------------------------------------------------------------------------------------


@pytest.mark.trust("F44")
def test_a_file_that_is_edited_while_it_runs_changes_nothing_but_is_told(house: House, tmp_path: Path) -> None:
    path = tmp_path / "hold.pipeline.yaml"
    path.write_text(HOLD)
    execution = house.service.start(path)
    assert not execution.source_changed and execution.snapshot()["source_changed"] is False
    path.write_text(HOLD.replace("custom.go", "custom.never"))
    assert execution.source_changed and house.beside().service.get(execution.id).snapshot()["source_changed"] is True
    assert execution.send_event("go").wait(10).status == "completed"


@pytest.mark.trust("F45")
def test_an_interrupted_execution_goes_on_with_the_text_it_was_started_with(house: House, tmp_path: Path) -> None:
    path = tmp_path / "hold.pipeline.yaml"
    path.write_text(HOLD + '\noutputs: {x: "{{ a.x }}"}')
    name = house.service.start(path).id
    house.loop.close()
    path.write_text("name: hold\nnodes: [{id: other, type: python, code: pass}]")
    execution = house.beside().service.resume(name)
    assert execution.send_event("go", {"x": 3}).wait(10).outputs == {"x": 3} and execution.source_changed


@pytest.mark.trust("F45")
def test_a_stored_text_that_is_not_the_one_it_was_started_with_is_refused(house: House) -> None:
    name = house.service.start(HOLD).id
    house.loop.close()
    house.spoil("UPDATE definitions SET text = ?", HOLD.replace("custom.go", "custom.never"))
    with pytest.raises(UnreadableRecord, match="not the one it was started with"):
        house.beside().service.get(name)


# --- spoiled -------------------------------------------------------------------------------------------------------------


_SPOILED = {
    "a fact that is no JSON": "UPDATE facts SET body = '{' WHERE execution_id = ? AND number = 1",
    "a fact of a later version": "UPDATE facts SET body = replace(body, '\"schema\":1', '\"schema\":9') WHERE execution_id = ?",
    "a fact that is missing": "DELETE FROM facts WHERE execution_id = ? AND number = 1",
    "a definition that is no YAML": "UPDATE definitions SET text = '{{{' WHERE ? != ''",
    "an unknown task type": "UPDATE definitions SET text = replace(text, 'type: wait', 'type: teleport') WHERE ? != ''",
    "a state that contradicts the facts": "UPDATE nodes SET state = 'completed' WHERE execution_id = ?",
    "an event that was never decided": "UPDATE events SET type = 'a.completed' WHERE execution_id = ? AND number = 2",
    "a value that was changed": "UPDATE variables SET value = '\"mallory\"' WHERE execution_id = ? AND name = 'initiator'",
}


@pytest.mark.trust("B40")
@pytest.mark.parametrize("what", _SPOILED)
def test_a_spoiled_execution_is_set_aside_and_the_others_go_on(house: House, what: str) -> None:
    spoiled = house.service.start(HOLD).id
    house.loop.close()
    other = house.beside()
    sound = other.service.start(ONE)
    house.spoil(_SPOILED[what], spoiled)
    with pytest.raises(UnreadableRecord, match=f"YF608.*{spoiled}"):
        other.service.resume(spoiled)
    assert sound.wait(10).status == "completed"
    listed = {record.id: (record.status, record.reason) for record in other.service.list()}
    assert listed == {spoiled: ("paused", "quarantined"), sound.id: ("completed", None)}
    assert other.service.start(ONE).wait(10).status == "completed", "a start goes on"
    with pytest.raises(UnreadableRecord):
        other.service.get(spoiled).resume()


@pytest.mark.trust("B40")
def test_a_fact_that_breaks_decide_sets_its_execution_aside_and_no_other(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from yamlflow_nb.domain.event import CustomEventSent
    from yamlflow_nb.loop import turn

    first, second = house.service.start(HOLD), house.service.start(HOLD)
    real = turn.decide

    def breaks(state: Any, fact: Any) -> Any:
        if isinstance(fact, CustomEventSent) and fact.payload.get("poison"):
            raise ZeroDivisionError("a bug of ours")
        return real(state, fact)

    monkeypatch.setattr(turn, "decide", breaks)
    first.send_event("go", {"poison": True})
    second.send_event("go")
    assert second.wait(10).status == "completed"
    with pytest.raises(CommandError, match="set aside: ZeroDivisionError"):
        first.wait(10)
    seen = house.beside().service.get(first.id)
    assert (seen.status, seen.reason) == ("paused", "quarantined")
    assert "  set aside: ZeroDivisionError: a bug of ours\n" in str(seen), "who looks later, from elsewhere, reads why"
    with pytest.raises(UnreadableRecord, match="set aside: ZeroDivisionError: a bug of ours"):
        seen._desk.take_over(first.id, None, False, None)
    assert seen.resume(force=True).send_event("go").wait(10).status == "completed"


# --- owners that cannot be asked -----------------------------------------------------------------------------------------


def _driven_by(house: House, owner: str, expires_at: float) -> str:
    """An execution that another, which cannot be seen from here, is said to drive."""
    name = house.service.start(HOLD).id
    house.loop.close()
    house.spoil("UPDATE executions SET owner = ?, expires_at = ? WHERE id = ?", owner, expires_at, name)
    return name


@pytest.mark.trust("F20")
def test_an_owner_that_never_extended_its_lease_is_found_to_be_gone(house: House) -> None:
    host = house.loop.tenure.owner.partition("/")[0]
    name = _driven_by(house, f"{host}/1/-/never", 0.0)
    execution = house.beside().service.get(name)
    assert execution.status == "interrupted"
    assert execution.resume().send_event("go").wait(10).status == "completed"


def test_what_another_machine_drove_is_taken_over_only_when_that_is_said(house: House) -> None:
    name = _driven_by(house, "elsewhere/4711/a-b-c/x", 100.0)
    service = house.beside().service
    assert service.get(name).status == "interrupted"
    with pytest.raises(CommandError, match=r"YF725.*process 4711 on elsewhere, whose last event is \d+ s old"):
        service.resume(name)
    assert service.resume(name, take_over=True).send_event("go").wait(10).status == "completed"


def test_a_lease_with_more_time_than_a_lease_has_was_counted_by_another_clock(house: House) -> None:
    name = _driven_by(house, "elsewhere/4711/a-b-c/x", 1e12)
    assert house.beside().service.get(name).status == "interrupted"


def test_a_lease_of_another_machine_that_has_time_left_is_respected(house: House) -> None:
    name = _driven_by(house, "elsewhere/4711/a-b-c/x", house.repository.now() + 25.0)
    service = house.beside().service
    assert service.get(name).status == "waiting"
    with pytest.raises(CommandError, match="YF723"):
        service._desk.take_over(name, None, False, None, True)


# --- looked at while it is written ---------------------------------------------------------------------------------------


def test_who_looks_does_not_wait_for_a_store_that_is_held_and_sees_what_is_in_it(tmp_path: Path) -> None:
    begun, release = threading.Event(), threading.Event()

    def slow(work: Work) -> dict[str, Any]:
        begun.set()
        release.wait(20)
        return {"n": 1}

    house = House(tmp_path, a=slow)
    writing = threading.Event()
    house.repository.database.writer.execute("PRAGMA busy_timeout=60000")
    house.repository.database.writer.set_trace_callback(lambda said: writing.set() if said == "BEGIN IMMEDIATE" else None)
    try:
        execution = house.service.start(ONE)
        assert begun.wait(10)
        writing.clear()
        with held(tmp_path / "store.db"):
            release.set()
            assert writing.wait(10), "the result is decided, and waits to be written"
            seen = (execution.status, execution.nodes["a"].state, execution.outputs, [event.type for event in execution.events])
            assert execution.brief()["status"] == "running" and "a" in str(execution)
            assert house.loop._turns.lock.acquire(timeout=0) is False, "it is still being written"
        assert seen == ("running", "running", {}, ["pipeline.started", "a.started"])
        assert execution.wait(20).status == "completed" and execution.nodes["a"].outputs == {"n": 1}
    finally:
        release.set()
        house.close()
