"""What every ``Repository`` does: the one in memory and the one in SQLite, by the same tests."""

from __future__ import annotations

import datetime as dt
import math
import threading
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from yamlflow_nb.domain.decision import StoredEvent
from yamlflow_nb.domain.event import AttemptKey, CancelRequested, CustomEventSent, Started, TaskError, TaskFinished
from yamlflow_nb.domain.ports.catalogue import Published
from yamlflow_nb.domain.ports.places import PlaceAnswer
from yamlflow_nb.domain.ports.repository import Commit, ExecutionRecord, NodeRecord, Repository
from yamlflow_nb.domain.ports.requests import APPLIED, Request
from yamlflow_nb.domain.store_error import KeyTaken, OwnershipLost
from yamlflow_nb.infrastructure.store.sqlite_repository import SQLiteRepository
from yamlflow_nb.testing.memory import InMemoryRepository

ME, OTHER = "here/1/a/me", "here/2/b/other"


class Time:
    """The store's clock, set by hand."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture(params=["memory", "sqlite"])
def repository(request: pytest.FixtureRequest, tmp_path: Path, clock: Time) -> Iterator[Repository]:
    made: Any = InMemoryRepository(clock) if request.param == "memory" else SQLiteRepository(tmp_path / "store.db", clock)
    yield made
    made.close()


def record(name: str = "e1", **changes: Any) -> ExecutionRecord:
    made = ExecutionRecord(
        id=name, pipeline="p", version="1", definition_hash="h", definition="name: p", source_name="<text>", folder="/f",
        project="/f", inputs={"month": 2}, status="running", reason=None, initiator="ada", created_at=1.0, owner=ME,
        expires_at=1030.0, ring="/ring",
    )  # fmt: skip
    return replace(made, **changes)


def first(name: str = "e1", **changes: Any) -> Commit:
    made = record(name, **changes)
    return Commit(
        execution_id=name, epoch=1, first=1, facts=[Started(1.0, {"month": 2}, {})],
        events=[StoredEvent(1, 1.0, "pipeline.started", "pipeline", {"inputs": {"month": 2}}, 1)], nodes=[],
        variables=[("pipeline.input", "month", 2)], status="running", reason=None, round=1, at=1.0, created=made,
    )  # fmt: skip


def second(name: str = "e1", **changes: Any) -> Commit:
    finished = TaskFinished(2.0, AttemptKey("a", 1, 0, None, 1), "completed", {"n": 1})
    made = Commit(
        execution_id=name, epoch=1, first=2, facts=[finished], events=[StoredEvent(2, 2.0, "a.completed", "a", {"n": 1}, 1)],
        nodes=[NodeRecord("a", "completed", None, 1, 1.0, 2.0, None)], variables=[("a", "n", 1)], status="running", reason=None,
        round=1, at=2.0,
    )  # fmt: skip
    return replace(made, **changes)


# --- turns -------------------------------------------------------------------------------------------------------------


def test_an_execution_is_there_with_its_first_turn_or_not_at_all(repository: Repository) -> None:
    assert repository.execution("e1") is None and repository.standing("e1") is None
    repository.commit([first()])
    found = repository.execution("e1")
    assert found is not None and replace(found, epoch=0) == record()
    assert found.epoch == 1 and len(repository.facts("e1")) == 1


def test_a_turn_comes_back_as_it_was(repository: Repository) -> None:
    repository.commit([first()])
    repository.commit([second()])
    assert repository.facts("e1") == [*first().facts, *second().facts]
    assert repository.facts("e1", since=1) == list(second().facts)
    assert repository.events("e1") == [*first().events, *second().events]
    assert repository.events("e1", since=1) == list(second().events)
    assert repository.nodes("e1") == list(second().nodes)
    assert repository.variables("e1") == {"pipeline.input.month": 2, "a.n": 1}


@pytest.mark.parametrize(
    "value",
    [
        dt.datetime(2025, 1, 2, tzinfo=dt.timezone.utc),
        dt.date(2025, 1, 2),
        Decimal("0.10"),
        b"\0\xff",
        math.inf,
        "\0 \ud800",
        2**70,
    ],
    ids=str,
)
def test_values_come_back_equal(repository: Repository, value: Any) -> None:
    repository.commit([first()])
    repository.commit([second(variables=[("a", "x", value)])])
    assert repository.variables("e1")["a.x"] == value


def test_nan_comes_back_as_nan(repository: Repository) -> None:
    repository.commit([first()])
    repository.commit([second(variables=[("a", "x", math.nan)])])
    assert math.isnan(repository.variables("e1")["a.x"])


def test_a_failed_attempt_comes_back_with_its_error(repository: Repository) -> None:
    fact = TaskFinished(2.0, AttemptKey("a", 1, 2, 3, 4), "failed", {}, TaskError("ValueError", "no"), 3)
    repository.commit([first()])
    repository.commit([second(facts=[fact])])
    assert repository.facts("e1", since=1) == [fact]


@pytest.mark.trust("F22")
def test_the_same_commit_made_twice_is_written_once(repository: Repository) -> None:
    for commit in (first(), first(), second(), second(), second()):
        repository.commit([commit])
    assert len(repository.facts("e1")) == 2 and len(repository.events("e1")) == 2


def test_the_end_lets_go_of_the_lease(repository: Repository) -> None:
    repository.commit([first()])
    repository.commit([second(status="completed", outputs={"n": 1})])
    standing, found = repository.standing("e1"), repository.execution("e1")
    assert standing is not None and found is not None
    assert (standing.owner, standing.has_ended, standing.epoch) == (None, True, 1)
    assert (found.status, found.outputs, found.finished_at) == ("completed", {"n": 1}, 2.0)


def test_of_turns_written_together_all_are_written_or_none(repository: Repository) -> None:
    repository.commit([first("e1"), first("e2")])
    repository.take("e2", OTHER, 1, 30, None)
    with pytest.raises(OwnershipLost):
        repository.commit([second("e1"), second("e2")])
    assert len(repository.facts("e1")) == 1 and len(repository.facts("e2")) == 1


# --- looking -----------------------------------------------------------------------------------------------------------


def test_the_newest_executions_come_first_and_by_project(repository: Repository) -> None:
    for number in range(4):
        repository.commit([first(f"e{number}", created_at=float(number), project=f"/{number % 2}")])
    assert [found.id for found in repository.executions()] == ["e3", "e2", "e1", "e0"]
    assert [found.id for found in repository.executions("/1")] == ["e3", "e1"]
    assert [found.id for found in repository.executions(limit=1)] == ["e3"]


@pytest.mark.trust("F21")
def test_a_key_is_taken_once(repository: Repository) -> None:
    repository.commit([first("e1", idempotency_key="k")])
    assert repository.started_under("k") == "e1" and repository.started_under("other") is None
    with pytest.raises(KeyTaken):
        repository.commit([first("e2", idempotency_key="k")])
    assert repository.execution("e2") is None


# --- leases ------------------------------------------------------------------------------------------------------------


def test_a_stale_owner_writes_nothing(repository: Repository) -> None:
    repository.commit([first()])
    assert repository.take("e1", OTHER, 1, 30, "/other") == 2
    with pytest.raises(OwnershipLost, match="e1"):
        repository.commit([second()])
    assert len(repository.facts("e1")) == 1
    repository.commit([second(epoch=2)])
    assert len(repository.facts("e1")) == 2


def test_of_many_that_take_a_lease_one_gets_it(repository: Repository) -> None:
    repository.commit([first()])
    got: list[int | None] = []
    threads = [
        threading.Thread(target=lambda name=f"here/3/c/{n}": got.append(repository.take("e1", name, 1, 30, None))) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got, key=str) == [2, *[None] * 7]


def test_a_lease_taken_twice_by_the_same_is_the_same_lease(repository: Repository) -> None:
    repository.commit([first()])
    assert [repository.take("e1", OTHER, 1, 30, None) for _ in range(2)] == [2, 2]


def test_leases_are_extended_by_the_stores_clock(repository: Repository, clock: Time) -> None:
    repository.commit([first("e1"), first("e2")])
    repository.take("e2", OTHER, 1, 30, None)
    clock.at = 2000.0
    assert repository.renew(ME, 30) == {"e1"}
    one, two = repository.standing("e1"), repository.standing("e2")
    assert one is not None and two is not None
    assert (one.expires_at, two.expires_at) == (2030.0, 1030.0)


def test_a_lease_is_let_go_by_its_owner_alone(repository: Repository) -> None:
    repository.commit([first()])
    repository.release(OTHER, ["e1"])
    kept = repository.standing("e1")
    repository.release(ME, ["e1"])
    freed = repository.standing("e1")
    assert kept is not None and freed is not None
    assert (kept.owner, freed.owner, freed.epoch) == (ME, None, 1)


def test_an_execution_that_is_set_aside_is_paused_and_free(repository: Repository) -> None:
    repository.commit([first()])
    repository.set_aside("e1", 0, "quarantined", "stale")
    assert repository.why_set_aside("e1") is None
    kept, _ = repository.standing("e1"), repository.set_aside("e1", 1, "quarantined", "fact 2 is missing")
    assert repository.why_set_aside("e1") == "fact 2 is missing"
    standing = repository.standing("e1")
    assert kept is not None and kept.owner == ME, "a stale owner sets nothing aside"
    assert standing is not None
    assert (standing.status, standing.reason, standing.owner) == ("paused", "quarantined", None)


# --- requests ----------------------------------------------------------------------------------------------------------


def test_requests_reach_the_owner_in_order_and_once(repository: Repository) -> None:
    repository.commit([first("e1"), first("e2")])
    repository.take("e2", OTHER, 1, 30, None)
    cancel, event = (
        Request("r1", "e1", CancelRequested(3.0, "ada")),
        Request("r2", "e1", CustomEventSent(4.0, "go", {"n": 1}, "bob")),
    )
    for request in (cancel, event, cancel, Request("r3", "e2", CancelRequested(5.0))):
        repository.ask(request)
    assert repository.asked(ME) == [cancel, event]
    repository.commit([second(answers=[("r1", APPLIED)])])
    assert repository.asked(ME) == [event] and repository.answer("r1") == APPLIED and repository.answer("r2") is None
    repository.refuse("r2", "it has ended")
    repository.refuse("r1", "too late")
    assert (repository.asked(ME), repository.answer("r1"), repository.answer("r2")) == ([], APPLIED, "it has ended")


def test_a_request_is_not_answered_by_a_turn_that_was_not_written(repository: Repository) -> None:
    repository.commit([first()])
    repository.ask(Request("r1", "e1", CancelRequested(3.0)))
    repository.take("e1", OTHER, 1, 30, None)
    with pytest.raises(OwnershipLost):
        repository.commit([second(answers=[("r1", APPLIED)])])
    assert repository.answer("r1") is None and [one.id for one in repository.asked(OTHER)] == ["r1"]


# --- children, and what was published ------------------------------------------------------------------------------------


def test_children_are_listed_below_their_parent_and_not_beside_it(repository: Repository) -> None:
    repository.commit([first(), first("e1-b", parent_id="e1", parent_node="b[1]", parent_attempt="r1-x1-a1", created_at=2.0)])
    repository.commit([first("e1-a", parent_id="e1", parent_node="a", pins={"pipeline:score": "1.0"}, created_at=3.0)])
    assert [one.id for one in repository.executions()] == ["e1"]
    assert [one.id for one in repository.executions("/f", with_children=True)] == ["e1-a", "e1-b", "e1"]
    assert [(one.id, one.parent_node, one.pins) for one in repository.children("e1")] == [
        ("e1-b", "b[1]", {}), ("e1-a", "a", {"pipeline:score": "1.0"}),
    ]  # fmt: skip
    assert repository.execution("e1-b").parent_attempt == "r1-x1-a1"


def test_how_often_an_execution_was_taken_without_moving_is_counted(repository: Repository) -> None:
    repository.commit([first()])
    for epoch in (1, 2):
        repository.take("e1", OTHER, epoch, 30, None)
    assert repository.standing("e1").loads == 2
    repository.commit([second(epoch=3)])
    assert repository.standing("e1").loads == 0


def published(version: str, **changes: Any) -> Published:
    made = Published("pipeline", "default", "score", version, f"hash of {version}", "name: score", "score.yaml", "/f", "ada", 1.0)
    return replace(made, **changes)


def test_a_version_that_was_published_stays_as_it_is(repository: Repository) -> None:
    assert repository.publish(published("1.0")) == published("1.0")
    assert repository.publish(published("1.0", hash="another", by="bob")) == published("1.0")
    assert repository.published("pipeline", "default", "score", "1.0") == published("1.0")
    assert repository.published("pipeline", "default", "score", "2.0") is None
    assert repository.published("task", "default", "score") is None


def test_the_newest_version_is_the_one_that_was_published_last(repository: Repository) -> None:
    for at, version in enumerate(("1.0", "3.0", "2.0")):
        repository.publish(published(version, at=float(at)))
    repository.publish(published("9", name="other", at=0.5))
    repository.publish(published("1", namespace="a", at=0.7))
    assert repository.published("pipeline", "default", "score").version == "2.0"
    assert [one.version for one in repository.catalogue("pipeline", "default", "score")] == ["2.0", "3.0", "1.0"]
    assert [one.reference for one in repository.catalogue("pipeline")] == [
        "a/score@1", "other@9", "score@2.0", "score@3.0", "score@1.0",
    ]  # fmt: skip


# --- places among the executions of a pipeline, and workers ---------------------------------------------------------------


def alive(owner: str | None, expires_at: float) -> bool:
    return owner is not None


def test_a_place_is_taken_up_to_the_limit_in_order_of_asking(repository: Repository) -> None:
    for name in ("e1", "e2", "e3"):
        repository.commit([first(name)])
    assert repository.take_place("e1", "p", 1, alive) == PlaceAnswer(True)
    assert repository.take_place("e2", "p", 1, alive) == PlaceAnswer(False, ("e1",))
    assert repository.take_place("e3", "p", 1, alive) == PlaceAnswer(False, ("e1",))
    assert repository.leave_place("e1") == ("/ring",)
    assert not repository.take_place("e3", "p", 1, alive).taken
    assert repository.take_place("e2", "p", 1, alive).taken


def test_a_place_that_is_taken_twice_is_taken_once_and_left_once(repository: Repository) -> None:
    repository.commit([first("e1")])
    repository.commit([first("e2")])
    assert repository.take_place("e1", "p", 2, alive).taken and repository.take_place("e1", "p", 2, alive).taken
    assert repository.take_place("e2", "p", 2, alive).taken
    assert repository.leave_place("e1") == repository.leave_place("e1") == ()


def test_other_keys_and_what_has_ended_or_nobody_drives_hold_no_place(repository: Repository) -> None:
    for name in ("e1", "e2", "e3", "e4"):
        repository.commit([first(name)])
    repository.take_place("e1", "other", 1, alive)
    repository.take_place("e2", "p", 1, alive)
    repository.commit([second("e2", status="completed", outputs={})])
    assert repository.take_place("e3", "p", 1, alive).taken
    repository.release(ME, ["e3"])
    assert repository.take_place("e4", "p", 1, alive).taken


def test_a_worker_finds_what_was_left_for_it_until_it_has_ended(repository: Repository) -> None:
    repository.commit([first("e1")])
    repository.commit([first("e2", for_worker=True, owner=None, expires_at=0.0, ring=None)])
    assert [record.id for record in repository.for_workers()] == ["e2"]
    repository.commit([second("e2", status="completed", outputs={})])
    assert repository.for_workers() == []


# --- many rows -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 63, 64, 65, 200])
def test_a_turn_of_any_size_is_written_whole(repository: Repository, count: int) -> None:
    repository.commit([first()])
    events = [StoredEvent(2 + number, 2.0, f"n{number}.completed", f"n{number}", {"n": number}, 1) for number in range(count)]
    nodes = [NodeRecord(f"n{number}", "completed", None, 1, 1.0, 2.0, None) for number in range(count)]
    variables = [(f"n{number}", "n", number) for number in range(count)]
    repository.commit([second(events=events, nodes=nodes, variables=variables)])
    assert repository.events("e1", since=1) == events
    assert {node.node: node for node in repository.nodes("e1")} == {node.node: node for node in nodes}
    assert repository.variables("e1") == {"pipeline.input.month": 2} | {f"n{number}.n": number for number in range(count)}


def test_of_a_variable_that_a_turn_sets_twice_the_last_value_stays(repository: Repository) -> None:
    repository.commit([first()])
    repository.commit([second(variables=[("a", "n", 1), ("a", "m", 2), ("a", "n", 3)])])
    assert repository.variables("e1") == {"pipeline.input.month": 2, "a.n": 3, "a.m": 2}
