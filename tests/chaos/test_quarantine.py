"""An execution of which each process dies that loads it is set aside after three, and spares the fourth."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.fire import Nursery, Range
from tests.chaos.test_ownership import beside
from yamlflow_nb.domain.store_error import UnreadableRecord


@pytest.mark.trust("F67")
def test_what_kills_each_process_that_loads_it_is_set_aside_after_three(
    nursery: Nursery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = Range(nursery, tmp_path / "at")
    monkeypatch.setenv("CHAOS_LEDGER", str(at.ledger))
    process = at.begin(do="start", hold="sum")
    at.until("sum None 1 start")
    at.kill(process)
    name = at.left().id
    for _ in range(3):
        at.begin(do="resume", id=name, crash_at="replayed:2")  # once to look at it, once to drive it
        assert nursery.ended() == -9
    with beside(at.store) as service:
        with pytest.raises(UnreadableRecord, match="is set aside"):
            service.resume(name)
        assert (service.get(name).status, service.get(name).reason) == ("paused", "quarantined")
        assert service.resume(name, force=True).wait(60).status == "completed"


@pytest.mark.trust("F67")
def test_one_that_moves_each_time_is_not_set_aside(nursery: Nursery, tmp_path: Path) -> None:
    at = Range(nursery, tmp_path / "at")
    job: dict[str, str] = {"do": "start"}
    for number in range(1, 5):
        process = at.begin(hold="last", **job)
        at.until(f"last None {number} start")
        at.kill(process)
        job = {"do": "resume", "id": str(at.left().id)}
    with beside(at.store) as service:
        assert (service.get(job["id"]).status, service.get(job["id"]).reason) == ("interrupted", None)
