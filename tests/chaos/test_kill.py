"""``kill -9`` of real processes at work: nothing committed is lost, nothing that had completed runs again."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.fire import Left, Nursery, Range, assert_nothing_was_lost, resumed

HELD = ("first", "left", "right", "flaky", "each", "sum", "last")


def killed_while_running(at: Range, node: str) -> Left:
    """Killed while a node is at work: it has said so, and never ends."""
    process = at.begin(do="start", hold=node)
    for line in at.nursery.lines():
        if line.startswith(f"{node} ") and line.endswith(" start"):
            break
    at.kill(process)
    left = at.left()
    assert node in left.running
    return left


def killed_after(at: Range, lines: int) -> Left:
    """Killed at the moment at which so many lines are in the ledger, whatever the engine is doing then."""
    process = at.begin(do="start", hold="last")
    for number, _ in enumerate(at.nursery.lines(), start=1):
        if number == lines:
            break
    at.kill(process)
    return at.left()


def killed_in_commit(at: Range, number: int) -> Left:
    """Dies by its own hand with a transaction open."""
    at.begin(do="start", hold="last", crash_at=f"in-commit:{number}")
    assert at.nursery.ended() == -9
    return at.left()


@pytest.mark.trust("F1")
@pytest.mark.parametrize("node", ["each", "sum"])
def test_an_execution_goes_on_in_another_process(nursery: Nursery, tmp_path: Path, node: str) -> None:
    at = Range(nursery, tmp_path / "at")
    left = killed_while_running(at, node)
    after = resumed(at, left)
    assert_nothing_was_lost(left, after)
    # Of the items of a forEach, which of those at work had said so is told by the threads.
    assert max(count for (name, _), count in after.runs.items() if name == node) == 2


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.trust("F1", "F2", "F3")
def test_fifty_kills_lose_nothing(nursery: Nursery, tmp_path: Path) -> None:
    seen = {"running": 0, "in a commit": 0, "half done": 0}
    for number in range(50):
        at = Range(nursery, tmp_path / f"at-{number}")
        if number < 28:
            left = killed_while_running(at, HELD[number % len(HELD)])
        elif number < 40:
            left = killed_after(at, number - 27)
        else:
            left = killed_in_commit(at, 2 + number % 4)
            seen["in a commit"] += 1
        assert left.status == "running", "each kill meets an execution that has not ended"
        seen["running"] += bool(left.running)
        seen["half done"] += bool(left.completed)
        assert_nothing_was_lost(left, resumed(at, left))
    assert seen["running"] >= 25 and seen["in a commit"] >= 5 and seen["half done"] >= 20, seen
