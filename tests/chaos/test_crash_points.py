"""Death at every named place, by three signals: what is left can be gone on with, and nothing is lost or done twice."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.fire import ROOT, Left, Nursery, Range, assert_nothing_was_lost, resumed
from yamlflow_nb.infrastructure.crash_points import POINTS

SIGNALS = ("SIGKILL", "SIGTERM", "SIGINT")
TIMES = {
    "in-commit": 3, "before-commit": 2, "after-commit": 4, "decided": 5, "fact-arrived": 4, "before-carry-out": 3,
    "task-submitted": 2, "task-started": 3, "task-returned": 4, "outputs-kept": 2, "result-told": 3,
}  # fmt: skip
"""Which passing of the point is the deadly one, so that there is something to lose."""
ON_RESUME = {"lease-taken", "replayed"}
ON_REQUEST = {"request-read", "request-written"}


def begun(at: Range, hold: str = "sum") -> Left:
    """An execution that is half done, its process killed."""
    process = at.begin(do="start", hold=hold)
    at.until(f"{hold} None 1 start")
    at.kill(process)
    return at.left()


def died(nursery: Nursery, point: str, by: str) -> None:
    """By its own hand, at the place. After SIGINT it may close what it has open."""
    code = nursery.ended()
    number = signal.Signals[by]
    assert code in ((-number, 130) if by == "SIGINT" else (-number,)), nursery.errors.read_text()[-2000:]
    assert f"crash point {point}: {by}" in nursery.errors.read_text()


def dies(at: Range, point: str, by: str) -> Left:
    """What is left of a process that died there."""
    crash = f"{point}:{TIMES.get(point, 1)}:{by}"
    if point in ON_RESUME:
        at.begin(do="resume", id=begun(at).id, crash_at=crash, hold="sum")
    elif point == "lease-renewed":
        at.begin(do="start", crash_at=crash, hold="sum", lease_seconds=0.3)
    elif point == "execution-ended":
        at.begin(do="start", crash_at=crash)
    else:
        at.begin(do="start", crash_at=crash, hold="last")
    died(at.nursery, point, by)
    return at.left()


@pytest.mark.slow
@pytest.mark.timeout(100)
@pytest.mark.trust("F1", "F2", "F3", "F4")
@pytest.mark.parametrize("by", SIGNALS)
@pytest.mark.parametrize("point", [point for point in POINTS if point not in ON_REQUEST])
def test_death_at_every_point_loses_nothing(nursery: Nursery, tmp_path: Path, point: str, by: str) -> None:
    nursery.errors.write_text("")
    at = Range(nursery, tmp_path / "at")
    left = dies(at, point, by)
    if left.id is None:
        assert point in ("begin-accepted", "execution-created") and left.runs == {}, "absent, not half there"
        at.begin(do="start")
        assert nursery.ended() == 0
        return
    if left.status == "completed":
        assert point == "execution-ended"
        return
    assert left.facts >= 1 and left.events, "there with its first turn"
    assert_nothing_was_lost(left, resumed(at, left))


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A second nursery, for a process that asks the first."""
    made = Nursery(tmp_path_factory.mktemp("other"))
    yield made
    made.close()


@pytest.mark.slow
@pytest.mark.parametrize("by", SIGNALS)
def test_a_request_whose_owner_dies_over_it_is_carried_out_once_by_the_next(
    nursery: Nursery, other: Nursery, tmp_path: Path, by: str
) -> None:
    nursery.errors.write_text("")
    at = Range(nursery, tmp_path / "at")
    at.begin(do="start", hold="sum", crash_at=f"request-read:1:{by}")
    at.until("sum None 1 start")
    asking = other.begin(do="cancel", id=at.left().id, store=str(at.store), env={}, crash_at="request-written:1:SIGKILL")
    assert asking and other.ended() == -9, "whoever asks dies too, before it rings"
    bell = other.begin(do="cancel", id=at.left().id, store=str(at.store), env={})
    assert bell
    died(nursery, "request-read", by)
    other.ended()
    if at.left().status != "cancelled":  # after SIGINT the owner may have come to it while it closed
        at.begin(do="resume", id=at.left().id)
        assert nursery.ended() == 1
    after = at.left()
    assert after.status == "cancelled"
    assert {answer for (answer,) in at.rows("SELECT answer FROM requests")} & {"applied"}
    assert at.rows("SELECT count(*) FROM facts WHERE kind = 'CancelRequested'") == [(1,)]


def test_every_point_of_the_table_is_in_the_code_and_the_other_way_round() -> None:
    used: set[str] = set()
    for path in (ROOT / "yamlflow_nb").rglob("*.py"):
        used |= set(re.findall(r"crash_point\(\"([a-z-]+)\"\)", path.read_text(encoding="utf-8")))
    assert used == set(POINTS) and len(POINTS) >= 15


@pytest.mark.trust("F4")
@pytest.mark.parametrize("point", ["begin-accepted", "execution-created", "after-commit", "in-commit"])
def test_a_start_is_there_whole_or_not_at_all_and_its_key_finds_it(nursery: Nursery, tmp_path: Path, point: str) -> None:
    at = Range(nursery, tmp_path / "at")
    options = {"idempotency_key": "the one"}
    at.begin(do="start", crash_at=f"{point}:1", hold="first", options=options)
    assert nursery.ended() == -9
    left = at.left()
    assert (left.id is None) == (point != "after-commit")
    if left.id is not None:
        resumed(at, left)
    at.begin(do="start", options=options)
    assert nursery.ended() == 0
    assert at.rows("SELECT count(*) FROM executions") == [(1,)]
    assert at.left().status == "completed" and at.runs()["first", "None"] == 1


@pytest.mark.trust("F5")
def test_a_keyboard_interrupt_leaves_an_execution_that_can_be_gone_on_with(nursery: Nursery, tmp_path: Path) -> None:
    import os

    at = Range(nursery, tmp_path / "at")
    process = at.begin(do="start", hold="sum")
    at.until("sum None 1 start")
    os.kill(process, signal.SIGINT)
    assert nursery.ended() == 130
    left = at.left()
    assert left.status == "running" and at.rows("SELECT owner FROM executions") == [(None,)], "let go: others see it at once"
    assert_nothing_was_lost(left, resumed(at, left))
