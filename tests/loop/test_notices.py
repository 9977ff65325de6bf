"""Notices: written in the commit of what they tell, sent after it, again where that fails, and never in the way of a run."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.loop.making import Does, World
from yamlflow_nb import bootstrap
from yamlflow_nb.domain.notice import Notice
from yamlflow_nb.domain.ports.notices import NotSent
from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.infrastructure.system_clock import SystemClock
from yamlflow_nb.loop import post

TEXT = """\
name: told
notifications:
  - {on: [failed, waiting, completed], to: team, message: "a gave {{ a.n }} of {{ b.n }}"}
  - {on: [started], to: [log, team]}
nodes:
  - {id: a, type: python, code: pass, outputs: {n: integer}}
  - {id: review, type: approval, title: "Publish {{ a.n }}?", startWhen: event:a.completed}
  - {id: b, type: python, code: pass, startWhen: event:review.completed, outputs: {n: integer}}
outputs: {n: "{{ b.n }}"}
"""
SHORT = """\
name: short
notifications: [{on: [completed, failed], to: team}]
nodes: [{id: a, type: python, code: pass}]
"""


class Team:
    """``Notifiers`` that remember; ``does`` may raise."""

    def __init__(self, does: Callable[[Notice], None] = lambda notice: None) -> None:
        self.got: list[Notice] = []
        self.does = does
        self.changed = threading.Condition()

    def send(self, notice: Notice) -> None:
        try:
            self.does(notice)
        finally:
            with self.changed:
                self.got.append(notice)
                self.changed.notify_all()

    def kinds(self, count: int) -> list[tuple[str, str]]:
        """``(notifier, kind)`` of those that came, when there are so many."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.got) >= count, 30), self.got
        return [(one.notifier, one.kind) for one in self.got]


def gives(n: int) -> Callable[[Work], dict[str, Any]]:
    return lambda work: {"n": n}


def test_each_is_told_once_of_what_it_asked_for(tmp_path: Path) -> None:
    team = Team()
    with World(tmp_path, {"python": Does(a=gives(3), b=gives(4))}, clock=SystemClock(), notifiers=team) as world:
        run = world.start(TEXT)
        assert team.kinds(3) == [("log", "started"), ("team", "started"), ("team", "waiting")]
        assert (team.got[2].told["title"], team.got[2].told["message"]) == ("Publish 3?", "a gave 3 of …")
        from yamlflow_nb.domain.event import TaskFinished

        key = run.state.nodes["review"].attempt
        assert key is not None
        world.loop.send("e1", TaskFinished(world.loop.now(), key, "approved"))
        assert run.wait(30)
        assert team.kinds(4)[3] == ("team", "completed")
        assert team.got[3].told["outputs"] == {"n": 4} and team.got[3].told["message"] == "a gave 3 of 4"
    assert {one.state for one in world.repository.notices("e1")} == {"sent"}


def test_a_failure_tells_which_nodes_failed_and_why(tmp_path: Path) -> None:
    def fails(work: Work) -> dict[str, Any]:
        raise TaskFailed("ValueError", "no such table")

    team = Team()
    with World(tmp_path, {"python": Does(a=fails)}, clock=SystemClock(), notifiers=team) as world:
        assert world.start(SHORT).wait(30)
        assert team.kinds(1) == [("team", "failed")]
        assert team.got[0].told["failed"] == [{"node": "a", "reason": "error", "error": "no such table"}]


def test_a_notice_is_in_the_commit_of_what_it_tells(tmp_path: Path) -> None:
    with World(tmp_path, {"python": Does()}, clock=SystemClock(), notifiers=Team()) as world:
        assert world.start(SHORT).wait(30)
        told = [commit for commits in world.repository.commits for commit in commits if commit.notices]
        assert [[event.type for event in commit.events][-1] for commit in told] == ["pipeline.completed"]


def test_what_fails_is_tried_again_and_in_the_end_given_up_while_the_run_completes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post, "PAUSES", (0.01, 0.01, 0.01))

    def fails(notice: Notice) -> None:
        raise NotSent("nobody there")

    team = Team(fails)
    with World(tmp_path, {"python": Does()}, clock=SystemClock(), notifiers=team) as world:
        run = world.start(SHORT)
        assert run.wait(30) and run.state.status == "completed"
        assert len(team.kinds(4)) == 4
    (kept,) = world.repository.notices("e1")
    assert (kept.state, kept.tries, kept.error) == ("failed", 4, "nobody there")


def test_what_can_never_be_sent_is_tried_once(tmp_path: Path) -> None:
    def fails(notice: Notice) -> None:
        raise NotSent("there is no notifier `team`", again=False)

    team = Team(fails)
    with World(tmp_path, {"python": Does()}, clock=SystemClock(), notifiers=team) as world:
        assert world.start(SHORT).wait(30)
        team.kinds(1)
    (kept,) = world.repository.notices("e1")
    assert (kept.state, kept.tries) == ("failed", 1)


def test_a_notifier_that_hangs_holds_no_run_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(post, "LEAVING_SECONDS", 0.1)
    release = threading.Event()
    team = Team(lambda notice: release.wait(30) and None)
    with World(tmp_path, {"python": Does()}, clock=SystemClock(), notifiers=team) as world:
        for number in range(5):
            assert world.start(SHORT, f"e{number}").wait(30)
    release.set()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "store.db"
    bootstrap._close_all()


def test_what_a_killed_process_had_to_send_the_next_one_sends(store: Path, tmp_path: Path) -> None:
    """Killed after the commit and before the sending: at least once means that another process does it."""
    told = tmp_path / "told.txt"
    words = f'["sh", "-c", "cat >> {told}"]'
    (tmp_path / "yamlflow.toml").write_text(f"[notifiers.team]\ncommand = {words}\n", encoding="utf-8")
    (tmp_path / "short.yaml").write_text(SHORT.replace("code: pass", "code: 'x = 1'"), encoding="utf-8")
    code = (
        "import os, sys\nfrom pathlib import Path\nimport yamlflow_nb as yf\nfrom yamlflow_nb.loop.post import Post\n"
        "Post.ring = lambda self: os.kill(os.getpid(), 9)\n"
        "yf.start(Path(sys.argv[1]), store=sys.argv[2]).wait(60)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "short.yaml"), str(store)]
    assert subprocess.run(command, timeout=100, check=False).returncode == -9
    with closing(sqlite3.connect(store)) as connection:
        assert connection.execute("SELECT state, tries FROM notices").fetchall() == [("due", 0)]
        assert connection.execute("SELECT status FROM executions").fetchone() == ("completed",)
    assert not told.exists()
    executions = bootstrap.services(store).executions
    executions.start("name: other\nnodes: [{id: a, type: python, code: 'x = 1'}]", wait=True)
    bootstrap._close_all()
    assert told.read_text(encoding="utf-8").startswith("short completed\n")
    with closing(sqlite3.connect(store)) as connection:
        assert connection.execute("SELECT state, tries FROM notices").fetchall() == [("sent", 1)]


def test_of_two_processes_one_sends(store: Path) -> None:
    from yamlflow_nb.infrastructure.store.sqlite_repository import SQLiteRepository

    bootstrap.services(store).executions.start(SHORT.replace("code: pass", "code: 'x = 1'"), wait=True)
    bootstrap._close_all()
    first, second = SQLiteRepository(store), SQLiteRepository(store)
    try:
        first.settle_notice(first.notices(first.executions()[0].id)[0].id, "due", None, 1.0)
        assert [len(one.claim_notices("me", 10.0, 70.0)) for one in (first, second)] == [1, 0]
        assert [len(one.claim_notices("me", 71.0, 131.0)) for one in (first, second)] == [1, 0], "a claim runs out"
    finally:
        first.close()
        second.close()
    assert os.path.exists(store)
