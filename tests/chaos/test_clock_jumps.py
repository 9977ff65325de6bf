"""The machine's clock is set while pipelines run: nobody waits shorter or longer, and no lease is taken from who lives."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.chaos.fire import Nursery, Range
from tests.chaos.test_ownership import beside
from yamlflow_nb.services.command_error import CommandError

HOUR, DAY = 3600.0, 86400.0
FLOW = """
name: clock
nodes:
  - id: held
    type: python
    function: "chaos_tasks:number"
    inputBindings: {node: held, gives: 1}
    outputs: {n: integer}
    timeout: 30m
  - id: flaky
    type: python
    function: "chaos_tasks:flaky"
    inputBindings: {node: flaky, gives: "{{ held.n }}"}
    outputs: {n: integer}
    retry: {maxAttempts: 2, delay: 300ms}
    timeout: 30m
timeout: 30m
"""


def _set(clock: Path, jump: float) -> None:
    """Whole or not at all: the running process reads it meanwhile."""
    beside_ = clock.with_suffix(".new")
    beside_.write_text(str(jump))
    os.replace(beside_, clock)


@pytest.mark.trust("F7")
@pytest.mark.parametrize("jump", [HOUR, -HOUR, DAY, -DAY])
def test_a_clock_that_jumps_ends_no_attempt_and_no_lease(
    nursery: Nursery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    at, clock, fifo = Range(nursery, tmp_path / "at"), tmp_path / "clock", tmp_path / "gate"
    _set(clock, 0)
    os.mkfifo(fifo)
    nursery.drain()
    environment = {
        "CHAOS_LEDGER": str(at.ledger), "CHAOS_TOLD": str(nursery.told), "CHAOS_HOLD": "", "CHAOS_GATE": f"held:{fifo}",
        "CHAOS_CLOCK": str(clock),
    }  # fmt: skip
    options = {"folder": str(Path(__file__).parent)}
    nursery.begin(do="start", store=str(at.store), source=FLOW, options=options, env=environment)
    at.until("held None 1 start")
    _set(clock, jump)
    right = time.time
    monkeypatch.setattr(time, "time", lambda: right() + jump)
    begun = time.monotonic()
    with beside(at.store) as service:
        seen = service.get(at.left().id)
        assert seen.status == "running", "whoever looks by the new clock sees that its owner lives"
        with pytest.raises(CommandError, match="YF723"):
            service._desk.take_over(seen.id, None, False, None)
        with fifo.open("w"):
            pass
        assert nursery.ended() == 0, nursery.errors.read_text()[-3000:]
        assert time.monotonic() - begun < 60, "a delay of 300 ms has not become an hour"
        assert seen.wait(10).status == "completed"
        times = [event.at for event in seen.events]
    assert times == sorted(times) and times[-1] - times[0] < 60
    assert [event.type for event in seen.events if "timed_out" in event.type] == []
    assert dict(at.runs()) == {("held", "None"): 1, ("flaky", "None"): 2}


@pytest.mark.trust("F7")
@pytest.mark.parametrize("jump", [HOUR, -HOUR])
def test_what_is_gone_on_with_after_a_jump_is_gone_on_with_once(nursery: Nursery, tmp_path: Path, jump: float) -> None:
    at, clock = Range(nursery, tmp_path / "at"), tmp_path / "clock"
    _set(clock, 0)
    process = at.begin(do="start", hold="sum")
    at.until("sum None 1 start")
    at.kill(process)
    left = at.left()
    _set(clock, jump)
    nursery.drain()
    environment = {"CHAOS_LEDGER": str(at.ledger), "CHAOS_TOLD": str(nursery.told), "CHAOS_HOLD": "", "CHAOS_CLOCK": str(clock)}
    nursery.begin(do="resume", store=str(at.store), id=left.id, env=environment)
    assert nursery.ended() == 0, nursery.errors.read_text()[-3000:]
    after = at.left()
    assert after.status == "completed" and after.runs["sum", "None"] == 2 and after.runs["first", "None"] == 1
    times = [when for (when,) in at.rows("SELECT at FROM events ORDER BY number")]
    assert times == sorted(times), "the order is the numbers', and no time goes back"
