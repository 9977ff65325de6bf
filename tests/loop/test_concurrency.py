"""``concurrency``: at most so many executions of a pipeline, or of a group of it, run at once, in all processes together."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.services.test_durable_executions import House
from yamlflow_nb.domain.work import Work
from yamlflow_nb.services.execution import Execution

PATIENCE = 20.0


def text(**limits: Any) -> str:
    told = ", ".join(f"{name}: {value}" for name, value in {"limit": 1, **limits}.items())
    return f"""name: p
concurrency: {{{told}}}
inputVariables: {{month: {{type: integer, default: 1}}}}
nodes:
  - {{id: a, type: python, code: x}}
  - {{id: last, type: python, code: x, startWhen: "event:pipeline.finishing"}}"""


class Desk:
    """Two processes on one store; whatever begins is held until it is let go."""

    def __init__(self, folder: Path) -> None:
        self.gate = threading.Event()
        self.order: list[str] = []
        self.house = House(folder, a=self._work)
        self.other = self.house.beside(a=self._work)

    def _work(self, work: Work) -> dict[str, Any]:
        self.order.append(work.execution_id)
        self.gate.wait(PATIENCE)
        return {}

    def close(self) -> None:
        self.gate.set()
        self.house.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.close()


def until(execution: Execution, status: str, reason: str | None = None) -> None:
    seen = -1
    while (execution.status, execution.reason) != (status, reason):
        assert execution.status not in ("completed", "failed", "cancelled"), execution
        seen = execution.wait_for_change(seen, 1.0)


def started(execution: Execution) -> None:
    seen = -1
    while execution.nodes["a"].state == "queued" or execution.nodes["a"].state == "pending":
        seen = execution.wait_for_change(seen, 1.0)


def test_a_second_execution_queues_until_the_first_has_ended(desk: Desk) -> None:
    one = desk.house.service.start(text())
    started(one)
    two = desk.house.service.start(text())
    until(two, "waiting", "concurrency")
    assert two.nodes["a"].state == "queued" and not two.waiting_for
    desk.gate.set()
    assert one.wait(PATIENCE).status == two.wait(PATIENCE).status == "completed"
    assert desk.order == [one.id, two.id]


def test_executions_of_other_processes_count_and_ring_when_they_end(desk: Desk) -> None:
    one = desk.house.service.start(text())
    started(one)
    two = desk.other.service.start(text())
    three = desk.house.service.start(text())
    until(two, "waiting", "concurrency")
    until(three, "waiting", "concurrency")
    desk.gate.set()
    for execution in (one, two, three):
        assert execution.wait(PATIENCE).status == "completed"
    assert desk.order == [one.id, two.id, three.id]


def test_a_limit_of_two_lets_two_run(desk: Desk) -> None:
    made = [desk.house.service.start(text(limit=2)) for _ in range(3)]
    started(made[0])
    started(made[1])
    until(made[2], "waiting", "concurrency")
    desk.gate.set()
    assert {execution.wait(PATIENCE).status for execution in made} == {"completed"}


def test_groups_count_apart(desk: Desk) -> None:
    grouped = text(group='"{{ pipeline.input.month }}"')
    one = desk.house.service.start(grouped, {"month": 1})
    two = desk.house.service.start(grouped, {"month": 2})
    three = desk.house.service.start(grouped, {"month": 1})
    started(one)
    started(two)
    until(three, "waiting", "concurrency")


def test_skip_ends_the_new_one_cancelled_and_nothing_of_it_runs(desk: Desk) -> None:
    one = desk.house.service.start(text(policy="skip"))
    started(one)
    two = desk.house.service.start(text(policy="skip")).wait(PATIENCE)
    assert (two.status, two.reason) == ("cancelled", "concurrency")
    assert {node.state for node in two.nodes.values()} == {"cancelled", "skipped"}
    assert desk.order == [one.id]


def test_fail_ends_the_new_one_failed_and_says_who_runs(desk: Desk) -> None:
    one = desk.house.service.start(text(policy="fail"))
    started(one)
    two = desk.house.service.start(text(policy="fail")).wait(PATIENCE)
    assert (two.status, two.reason) == ("failed", "concurrency")
    assert two.error is not None and two.error.code == "YF417" and one.id in two.error.message


def test_cancel_running_stops_the_old_one_and_then_begins(desk: Desk) -> None:
    one = desk.other.service.start(text(policy="cancelRunning"))
    started(one)
    two = desk.house.service.start(text(policy="cancelRunning"))
    assert one.wait(PATIENCE).status == "cancelled"
    desk.gate.set()
    assert two.wait(PATIENCE).status == "completed"


def test_one_that_queues_can_be_cancelled_and_leaves_the_line(desk: Desk) -> None:
    one = desk.house.service.start(text())
    started(one)
    two, three = desk.house.service.start(text()), desk.house.service.start(text())
    two.cancel()
    assert two.wait(PATIENCE).status == "cancelled" and two.nodes["last"].state == "skipped"
    desk.gate.set()
    assert three.wait(PATIENCE).status == "completed" and two.id not in desk.order


def test_another_round_takes_a_place_of_its_own(desk: Desk) -> None:
    one = desk.house.service.start(text()).cancel().wait(PATIENCE)
    two = desk.house.service.start(text())
    started(two)
    one.retry()
    until(one, "waiting", "concurrency")
    desk.gate.set()
    assert two.wait(PATIENCE).status == "completed" and one.wait(PATIENCE).status == "completed"


def test_a_group_that_has_no_value_fails_the_execution_and_says_so(desk: Desk) -> None:
    grouped = text(group='"{{ 1 // (pipeline.input.month - 1) }}"')
    execution = desk.house.service.start(grouped).wait(PATIENCE)
    assert execution.status == "failed" and execution.error is not None and "concurrency.group" in execution.error.message


def test_what_is_stored_of_a_queued_execution_replays(desk: Desk) -> None:
    one = desk.house.service.start(text(policy="skip"))
    started(one)
    two = desk.house.service.start(text(policy="skip")).wait(PATIENCE)
    followed = desk.other.service.get(two.id)
    assert (followed.status, followed.reason) == ("cancelled", "concurrency")
    assert [event.type for event in followed.events] == [event.type for event in two.events]
