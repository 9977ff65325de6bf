"""A parent's process is killed: whoever goes on with the parent finds its children, and never starts one twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.fire import Nursery, Range

PARENT = str(Path(__file__).parent / "parent.pipeline.yaml")
CHILDREN = {"score", "parts[0]", "parts[1]", "parts[2]"}
TOTAL = "63"


def killed_while(at: Range, node: str) -> str:
    """The parent's id, its process killed while a node is at work."""
    process = at.begin(do="start", source=PARENT, hold=node)
    at.until(f"{node} None 1 start")
    at.kill(process)
    return parent_of(at)


def parent_of(at: Range) -> str:
    [(name,)] = at.rows("SELECT id FROM executions WHERE parent_id IS NULL")
    return str(name)


def child_of(at: Range, node: str) -> tuple[str, str]:
    [(name, status)] = at.rows("SELECT id, status FROM executions WHERE parent_node = ?", node)
    return str(name), str(status)


def goes_on(at: Range, name: str) -> None:
    at.begin(do="resume", id=name)
    code = at.nursery.ended()
    states = at.rows("SELECT execution_id, node, state, reason, error FROM nodes WHERE state <> 'completed'")
    assert code == 0, f"{states}\n{at.nursery.errors.read_text()[-2000:]}"


def assert_each_child_is_there_once(at: Range) -> None:
    found = at.rows("SELECT parent_node, status FROM executions WHERE parent_id = ?", parent_of(at))
    assert sorted(found) == sorted((node, "completed") for node in CHILDREN)
    [(outputs,)] = at.rows("SELECT outputs FROM given WHERE execution_id = ?", parent_of(at))
    assert outputs.replace(" ", "") == f'{{"total":{TOTAL}}}'


@pytest.mark.trust("F42")
@pytest.mark.parametrize("node", ["one", "two"])
def test_a_parent_that_was_killed_goes_on_with_the_child_that_there_is(nursery: Nursery, tmp_path: Path, node: str) -> None:
    at = Range(nursery, tmp_path / "at")
    name = killed_while(at, node)
    before, child = at.runs(), child_of(at, "score")
    goes_on(at, name)
    assert child_of(at, "score") == (child[0], "completed")
    assert_each_child_is_there_once(at)
    runs = at.runs()
    assert runs[node, "None"] == 2 and runs["before", "None"] == 1
    assert node == "one" or runs["one", "None"] == before["one", "None"] == 1, "a child's completed node never runs again"


@pytest.mark.trust("F43")
def test_a_child_that_ended_while_its_parent_was_down_is_not_run_again(nursery: Nursery, tmp_path: Path) -> None:
    at = Range(nursery, tmp_path / "at")
    name = killed_while(at, "two")
    goes_on(at, child_of(at, "score")[0])
    assert child_of(at, "score")[1] == "completed"
    before = at.runs()
    goes_on(at, name)
    assert_each_child_is_there_once(at)
    runs = at.runs()
    assert (runs["one", "None"], runs["two", "None"]) == (before["one", "None"], before["two", "None"])


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.trust("F42")
@pytest.mark.parametrize(
    "point",
    [
        *(f"before-carry-out:{number}" for number in range(2, 10)), *(f"in-commit:{number}" for number in range(2, 9)),
        "execution-created:2", "execution-created:4", "begin-accepted:2", "begin-accepted:4", "execution-ended:1",
        "execution-ended:3", "task-started:2", "result-told:3", "result-told:5", "task-returned:3",
    ],
)  # fmt: skip
def test_wherever_the_parent_dies_each_child_is_started_once(nursery: Nursery, tmp_path: Path, point: str) -> None:
    at = Range(nursery, tmp_path / "at")
    at.begin(do="start", source=PARENT, crash_at=point)
    assert nursery.ended() == -9
    completed = dict(at.rows("SELECT execution_id || node, 1 FROM nodes WHERE state = 'completed'"))
    goes_on(at, parent_of(at))
    assert_each_child_is_there_once(at)
    for node in ("before", "one", "two", "after"):
        run = at.runs()[node, "None"]
        was_done = any(name.endswith(node) for name in completed)
        assert run == 1 or not was_done, f"{node} had completed, and ran {run} times"
