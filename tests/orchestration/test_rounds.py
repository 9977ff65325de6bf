"""``retry``: which nodes the next round takes up again, and what it keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from yamlflow_nb.domain.event import CancelRequested, CustomEventSent, RetryRequested, TaskError, TaskFinished
from yamlflow_nb.executors.registry import task_types
from yamlflow_nb.language.validation import validate_text
from yamlflow_nb.orchestration.execution_orchestrator import ExecutionOrchestrator
from yamlflow_nb.orchestration.execution_state import ExecutionState

Work = Callable[[str, Any, int], Any]
"""What an attempt gives for a node, an item's index and a round: outputs, or None for a failure."""


class Rounds:
    """An execution whose tasks are done at once, one after the other, second by second."""

    def __init__(self, nodes: str, work: Work) -> None:
        definition, found = validate_text(f"name: rounds\nnodes:\n{nodes}", task_types())
        assert definition is not None, found
        self.orchestrator = ExecutionOrchestrator(task_types=task_types())
        self.state: ExecutionState = self.orchestrator.start_execution(definition)
        self.work, self.at = work, 0.0
        self.finish(self.orchestrator.starts("execution_1"))

    def finish(self, starts: Any) -> None:
        starts = list(starts)
        while starts:
            key = starts.pop(0).attempt
            self.at += 1
            outputs = self.work(key.node, key.item, key.round)
            state, error = ("failed", TaskError("Boom", "no")) if outputs is None else ("completed", None)
            self.orchestrator.advance("execution_1", TaskFinished(self.at, key, state, outputs or {}, error))
            starts += self.orchestrator.starts("execution_1")

    def send(self, fact: Any) -> Rounds:
        self.at = fact.at
        self.orchestrator.advance("execution_1", fact)
        self.finish(self.orchestrator.starts("execution_1"))
        return self

    def states(self) -> dict[str, str]:
        return {name: run.state for name, run in self.state.nodes.items()}

    def ran(self, number: int) -> list[str]:
        """The nodes that started in a round, in order."""
        rows = self.state.log.rows
        return [
            row.source for row in rows if row.round == number and row.type == f"{row.source}.started" and row.source != "pipeline"
        ]


def fails_first(*names: str) -> Work:
    return lambda node, item, number: None if node in names and number == 1 else {}


def node(name: str, more: str = "") -> str:
    return f"  - {{id: {name}, type: python, code: pass{', ' + more if more else ''}}}\n"


def test_what_failed_runs_again_with_what_it_had_blocked_and_the_finally_nodes() -> None:
    text = (
        node("a")
        + node("b", 'startWhen: "event:a.completed"')
        + node("other")
        + node("tidy", 'startWhen: "event:pipeline.finishing"')
    )
    rounds = Rounds(text, fails_first("a"))
    assert rounds.state.status == "failed"
    rounds.send(RetryRequested(10.0))
    assert rounds.state.status == "completed" and rounds.state.round == 2
    assert rounds.ran(2) == ["a", "b", "tidy"]


def test_what_a_failure_had_started_or_left_unsatisfied_is_judged_anew() -> None:
    text = node("a") + node("alarm", 'startWhen: "event:a.failed"') + node("after", 'startWhen: "event:alarm.completed"')
    text += node("quiet", 'startWhen: "event:a.completed && event:alarm.skipped"')
    rounds = Rounds(text, fails_first("a")).send(RetryRequested(10.0))
    assert rounds.states() == {"a": "completed", "alarm": "skipped", "after": "skipped", "quiet": "completed"}
    assert rounds.ran(1) == ["a", "alarm", "after"] and rounds.ran(2) == ["a", "quiet"]


def test_a_completed_node_runs_again_only_when_it_is_named() -> None:
    text = node("a", "outputs: {n: integer}") + node("b", 'inputBindings: {n: "{{ a.n }}"}') + node("c")
    rounds = Rounds(text, lambda name, item, number: None if name == "c" and number == 1 else {"n": number})
    rounds.send(RetryRequested(10.0))
    assert rounds.ran(2) == ["c"]
    rounds.send(RetryRequested(20.0, with_nodes=("a",)))
    assert rounds.ran(3) == ["a", "b"] and rounds.state.nodes["a"].outputs == {"n": 3}


def test_of_a_for_each_only_the_items_without_a_result_run_again() -> None:
    asked: list[tuple[int, int]] = []

    def work(name: str, item: Any, number: int) -> Any:
        asked.append((number, item))
        return None if item == 1 and number == 1 else {"n": number}

    for limit in (1, 2, 3):
        asked.clear()
        counted = 'failWhen: "{{ each.run.items.failed > 0 }}"'
        more = f'forEach: "{{{{ [1, 2, 3] }}}}", maxParallel: {limit}, onItemFailure: continue, {counted}'
        rounds = Rounds(node("each", more), work).send(RetryRequested(10.0))
        assert rounds.state.nodes["each"].outputs == {"n": [1, 2, 1]}
        assert [item for number, item in asked if number == 2] == [1]


def test_failed_items_of_a_completed_for_each_run_again_when_asked_for() -> None:
    text = node("each", 'forEach: "{{ [1, 2] }}", onItemFailure: continue, outputs: {n: any}') + node(
        "sum", 'inputBindings: {n: "{{ each.n }}"}'
    )
    rounds = Rounds(text, lambda name, item, number: None if item == 0 and number == 1 else {"n": number})
    assert rounds.state.status == "completed" and rounds.state.nodes["each"].outputs == {"n": [None, 1]}
    rounds.send(RetryRequested(10.0))
    assert rounds.state.round == 1
    rounds.send(RetryRequested(20.0, failed_items=True))
    assert rounds.state.nodes["each"].outputs == {"n": [2, 1]} and rounds.ran(2) == ["each", "sum"]


def test_after_a_cancellation_what_was_cancelled_and_what_was_skipped_with_it_runs_again() -> None:
    text = node("w", "type: wait, event: custom.go").replace("type: python, code: pass, ", "") + node(
        "x", 'startWhen: "event:w.completed"'
    )
    rounds = Rounds(text, fails_first()).send(CancelRequested(5.0))
    assert rounds.state.status == "cancelled"
    rounds.send(RetryRequested(10.0)).send(CustomEventSent(11.0, "go", {}))
    assert rounds.state.status == "completed" and rounds.states() == {"w": "completed", "x": "completed"}


def test_events_from_outside_count_for_the_round_in_which_they_come() -> None:
    text = (
        node("a") + node("x", 'startWhen: "event:a.completed && {{ custom.go.n > 1 }}"') + node("y", 'startWhen: "event:custom.go"')
    )
    work = fails_first("a")
    rounds = Rounds(text, lambda name, item, number: work(name, item, number))
    rounds.send(CustomEventSent(5.0, "go", {"n": 2})).send(RetryRequested(10.0))
    assert rounds.state.status == "waiting" and rounds.states()["x"] == "pending"
    rounds.send(CustomEventSent(11.0, "go", {"n": 3}))
    assert rounds.state.status == "completed" and rounds.ran(2) == ["a", "x"]


def test_events_of_the_round_before_stay_in_the_history() -> None:
    rounds = Rounds(node("a"), fails_first("a")).send(RetryRequested(10.0))
    kinds = [row.type for row in rounds.state.log.rows]
    assert kinds.count("a.started") == 2 and "a.failed" in kinds and kinds.count("pipeline.finishing") == 2
    assert [row.number for row in rounds.state.log.rows] == list(range(1, len(kinds) + 1))


def test_a_retry_of_a_run_in_which_nothing_is_to_run_again_changes_nothing() -> None:
    rounds = Rounds(node("a"), fails_first()).send(RetryRequested(10.0))
    assert rounds.state.round == 1 and rounds.state.status == "completed"
