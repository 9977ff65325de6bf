"""``yamlflow worker``: drives what was left for it, outside any kernel, and goes on where a worker died."""

from __future__ import annotations

import json

from tests.cli.conftest import Said, Terminals


def test_what_is_left_for_a_worker_waits_for_one_and_then_runs(terminals: Terminals, said: Said) -> None:
    code, out, _ = said("run", "--worker", terminals.pipeline())
    assert code == 0 and "held: waiting (worker)" in out
    assert "waiting" in said("list")[1] and terminals.ledger() == []
    worker = terminals.open("worker", "--until-idle")
    terminals.begun()
    terminals.let_go()
    out, err = worker.communicate(timeout=30)
    assert worker.returncode == 0 and "held: completed" in out and "Traceback" not in out + err
    assert terminals.ledger() == ["load", "hold", "tidy"]


def test_a_worker_that_is_killed_leaves_all_to_the_next_one(terminals: Terminals, said: Said) -> None:
    said("run", "--worker", terminals.pipeline())
    first = terminals.open("worker")
    terminals.begun()
    first.kill()
    first.communicate()
    assert "interrupted" in said("list")[1]
    second = terminals.open("worker", "--until-idle")
    terminals.begun()
    terminals.let_go()
    assert second.wait(30) == 0
    assert terminals.ledger() == ["load", "hold", "hold", "tidy"]


def test_a_run_of_a_terminal_is_no_workers_business(terminals: Terminals, said: Said) -> None:
    run = terminals.run()
    run.kill()
    run.communicate()
    worker = terminals.open("worker", "--until-idle")
    assert worker.wait(30) == 0
    assert json.loads(said("list", "--json")[1])[0]["status"] == "interrupted"


def test_commands_reach_what_a_worker_drives(terminals: Terminals, said: Said) -> None:
    said("run", "--worker", terminals.pipeline())
    worker = terminals.open("worker", "--until-idle")
    terminals.begun()
    assert said("cancel")[0] == 0
    out, _ = worker.communicate(timeout=60)
    assert "held: cancelled" in out


def test_one_that_still_waits_for_a_worker_can_be_cancelled_here(terminals: Terminals, said: Said) -> None:
    said("run", "--worker", terminals.pipeline())
    said("cancel")
    assert json.loads(said("list", "--json")[1])[0]["status"] == "cancelled"
    assert terminals.ledger() == []
