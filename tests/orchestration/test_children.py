"""Nodes that run another pipeline, as ``decide`` sees them: waiting, handed out again, ended by a person."""

from __future__ import annotations

import pytest

from tests.loop.making import plan_of
from yamlflow_nb.domain.decision import StartTask
from yamlflow_nb.domain.event import AttemptKey, Fact, Started, TakenOver, TaskError, TaskFinished, TaskWaiting
from yamlflow_nb.orchestration.execution_orchestrator import decide, new_execution
from yamlflow_nb.orchestration.execution_state import ExecutionState

ONE = "name: p\nnodes: [{id: a, type: subpipeline, pipeline: x, retry: {maxAttempts: 3}, onInterrupt: ask, inputBindings: {n: 1}}]"
EACH = "name: p\nnodes: [{id: a, type: subpipeline, pipeline: x, forEach: [1, 2, 3], maxParallel: 2}]"


class Case:
    def __init__(self, text: str) -> None:
        self.state: ExecutionState = new_execution(plan_of(text), "e1")
        self.at = 0.0
        self.started = self.after(Started(0.0))

    def after(self, fact: Fact) -> list[StartTask]:
        """The attempts that a fact hands out."""
        return [one for one in decide(self.state, fact)[1].decisions if isinstance(one, StartTask)]


def key(item: int | None = None, number: int = 1) -> AttemptKey:
    return AttemptKey("a", 1, 0, item, number)


def test_a_child_that_only_people_can_move_makes_the_execution_wait() -> None:
    case = Case(ONE)
    case.after(TaskWaiting(1.0, key(), people=True, told={"child": "c"}))
    assert (case.state.status, case.state.nodes["a"].state) == ("waiting", "waiting")
    assert case.state.log.rows[-1].type == "a.waiting" and case.state.log.rows[-1].payload == {"child": "c"}
    case.after(TaskWaiting(2.0, key(), resumed=True))
    assert (case.state.status, case.state.nodes["a"].state) == ("running", "running")


def test_one_that_waits_for_a_timer_does_not() -> None:
    case = Case(ONE)
    case.after(TaskWaiting(1.0, key()))
    assert (case.state.status, case.state.nodes["a"].state) == ("running", "waiting")


@pytest.mark.trust("F42")
@pytest.mark.parametrize("waits", [False, True])
def test_the_same_attempt_is_handed_out_again_by_whoever_takes_over(waits: bool) -> None:
    case = Case(ONE)
    if waits:
        case.after(TaskWaiting(1.0, key(), people=True))
    again = case.after(TakenOver(2.0, "other"))
    assert again == case.started and again[0].attempt == key() and again[0].inputs == {"n": 1}
    assert (case.state.status, case.state.nodes["a"].attempts) == ("running", 1)
    assert case.state.log.rows[-1].payload == {"owner": "other", "interrupted": []}
    case.after(TaskFinished(3.0, key(), "completed", {"n": 1}))
    assert case.state.status == "completed"


def test_a_child_that_a_person_cancelled_is_not_tried_again() -> None:
    case = Case(ONE)
    case.after(TaskFinished(1.0, key(), "cancelled", {}, TaskError("ChildCancelled", "it was cancelled")))
    run = case.state.nodes["a"]
    assert (case.state.status, run.state, run.reason, run.attempts) == ("failed", "failed", "error", 1)


def test_of_items_all_that_are_at_work_have_to_wait() -> None:
    case = Case(EACH)
    case.after(TaskWaiting(1.0, key(0), people=True))
    assert case.state.status == "running"
    case.after(TaskWaiting(1.0, key(1), people=True))
    assert case.state.status == "waiting" and case.state.nodes["a"].state == "running"
    case.after(TaskFinished(2.0, key(0)))
    assert case.state.status == "running", "the next item has begun"
    case.after(TaskFinished(3.0, key(2)))
    assert case.state.status == "waiting", "of the two that are left one has ended"
    case.after(TaskWaiting(4.0, key(1), resumed=True))
    assert case.state.status == "running"
    case.after(TaskFinished(5.0, key(1)))
    assert case.state.status == "completed" and case.state.active == case.state.open == 0


def test_items_that_waited_are_handed_out_again_and_say_anew_whether_they_wait() -> None:
    case = Case(EACH)
    for item in (0, 1):
        case.after(TaskWaiting(1.0, key(item), people=True))
    assert [one.attempt for one in case.after(TakenOver(2.0, "other"))] == [key(0), key(1)]
    assert case.state.status == "running"
    for item in (0, 1):
        case.after(TaskWaiting(3.0, key(item), people=True))
    assert case.state.status == "waiting"
