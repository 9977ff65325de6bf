"""Several processes and one execution: fenced, asked, taken over."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.fire import ROOT, Nursery, Range, assert_nothing_was_lost
from yamlflow_nb.executors.registry import executors, task_types
from yamlflow_nb.infrastructure.artifacts import LocalArtifacts
from yamlflow_nb.infrastructure.doorbell import SocketBell, WatchingBell, ring_folder
from yamlflow_nb.infrastructure.process_identity import ProcessIdentity, elapsed
from yamlflow_nb.infrastructure.store.sqlite_repository import SQLiteRepository
from yamlflow_nb.infrastructure.system_clock import SystemClock
from yamlflow_nb.loop.kernel_loop import KernelLoop
from yamlflow_nb.services.command_error import CommandError
from yamlflow_nb.services.execution_service import ExecutionService
from yamlflow_nb.services.pipeline_service import PipelineService


@contextlib.contextmanager
def beside(store: Path, later: float = 0.0) -> Iterator[ExecutionService]:
    """Services of this process on a store, for which so many seconds have passed."""
    repository = SQLiteRepository(store, lambda: elapsed() + later)
    artifacts = LocalArtifacts(store.parent / "artifacts")

    def bell(owner: str, rung: Any) -> SocketBell:
        return SocketBell(store, owner.rpartition("/")[2], rung)

    loop = KernelLoop(repository, executors(artifacts), artifacts, SystemClock(), runs_folder=store.parent / "runs", bell=bell)
    service = ExecutionService(loop, repository, artifacts, PipelineService(task_types()))
    try:
        yield service
    finally:
        service.close()


@pytest.mark.trust("F6", "F19")
def test_a_process_that_slept_past_its_lease_gives_up_before_it_starts_anything(
    nursery: Nursery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = Range(nursery, tmp_path / "at")
    monkeypatch.setenv("CHAOS_LEDGER", str(at.ledger))
    fifo = tmp_path / "gate"
    os.mkfifo(fifo)
    sleeping = at.begin(do="start", gate=f"sum:{fifo}")
    at.until("sum None 1 start")
    os.kill(sleeping, signal.SIGSTOP)
    left = at.left()
    with beside(at.store) as service, pytest.raises(CommandError, match="YF723"):
        assert service.get(left.id).status == "running"
        service._desk.take_over(str(left.id), None, False, None)
    with beside(at.store, later=3600) as service:
        assert service.get(left.id).status == "interrupted"
        execution = service.resume(left.id).wait(30)
        assert execution.status == "completed"
    after = at.left()
    assert_nothing_was_lost(left, after)
    os.kill(sleeping, signal.SIGCONT)
    with fifo.open("w"):
        pass
    assert nursery.ended() == 70, "it was told"
    said = nursery.errors.read_text()
    assert "YF706" in said and "was given up" in said and "driven by" in said
    again = at.left()
    assert again.events == after.events and again.runs == after.runs, "it wrote nothing and started nothing"
    assert again.runs["last", "None"] == 1


_RESUMES = """
import sys
from yamlflow_nb.bootstrap import services
from yamlflow_nb.services.command_error import CommandError
executions = services(sys.argv[1]).executions
execution = executions.get(sys.argv[2])
print("ready", flush=True)
sys.stdin.readline()
try:
    executions._desk.take_over(sys.argv[2], "me", False, None)
    executions.get(sys.argv[2]).wait()
    print("drove it")
except CommandError as error:
    print(error.diagnostics[0].code)
"""


@pytest.mark.slow
@pytest.mark.trust("F18")
def test_of_six_processes_that_resume_one_execution_one_drives_it(nursery: Nursery, tmp_path: Path) -> None:
    at = Range(nursery, tmp_path / "at")
    process = at.begin(do="start", hold="sum")
    at.until("sum None 1 start")
    at.kill(process)
    environment = {**os.environ, "CHAOS_LEDGER": str(at.ledger)}
    racing = [
        subprocess.Popen(
            [sys.executable, "-c", _RESUMES, str(at.store), str(at.left().id)], cwd=ROOT, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, env=environment,
        )
        for _ in range(6)
    ]  # fmt: skip
    for one in racing:
        assert one.stdout is not None and one.stdout.readline() == "ready\n"
    for one in racing:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    said = sorted(one.communicate(timeout=60)[0].strip() for one in racing)
    assert said.count("drove it") == 1 and set(said) <= {"drove it", "YF723", "YF702"}
    after = at.left()
    assert after.status == "completed" and after.runs["sum", "None"] == 2 and after.runs["last", "None"] == 1
    assert [kind for _, kind, _ in after.events].count("pipeline.resumed") == 1


# --- asking the owner ----------------------------------------------------------------------------------------------------


@pytest.mark.trust("F40")
def test_another_process_cancels_within_a_second(nursery: Nursery, tmp_path: Path) -> None:
    at = Range(nursery, tmp_path / "at")
    at.begin(do="start", hold="sum")
    at.until("sum None 1 start")
    with beside(at.store) as service:
        execution = service.get(at.left().id)
        begun = time.monotonic()
        execution.cancel(by="ada")
        assert time.monotonic() - begun < 1.0
        assert execution.wait(10).status == "cancelled" and execution.nodes["sum"].state == "cancelled"
    assert nursery.ended() == 1
    assert at.rows("SELECT asked_by, answer FROM requests") == [("ada", "applied")]


def test_another_process_pauses_and_lets_go_on(nursery: Nursery, tmp_path: Path) -> None:
    at = Range(nursery, tmp_path / "at")
    fifo = tmp_path / "gate"
    os.mkfifo(fifo)
    at.begin(do="start", gate=f"first:{fifo}")
    at.until("first None 1 start")
    with beside(at.store) as service:
        execution = service.get(at.left().id)
        assert execution.pause(by="ada").status == "paused"
        with fifo.open("w"):
            pass
        assert execution.resume(by="bob").status in ("running", "completed")
        assert execution.wait(30).status == "completed"
        told = [(event.type, event.payload) for event in execution.events if event.type in ("pipeline.paused", "pipeline.resumed")]
    assert nursery.ended() == 0
    assert told == [("pipeline.paused", {"by": "ada"}), ("pipeline.resumed", {"by": "bob"})]


def test_a_stopped_owner_answers_when_it_wakes_and_once(nursery: Nursery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = Range(nursery, tmp_path / "at")
    process = at.begin(do="start", hold="sum")
    at.until("sum None 1 start")
    os.kill(process, signal.SIGSTOP)
    monkeypatch.setattr("yamlflow_nb.services.desk.ANSWER_SECONDS", 0.1)
    with beside(at.store) as service:
        execution = service.get(at.left().id)
        with pytest.raises(CommandError, match="YF724"):
            execution.cancel()
        os.kill(process, signal.SIGCONT)
        assert execution.wait(10).status == "cancelled"
    assert nursery.ended() == 1
    assert at.rows("SELECT count(*) FROM facts WHERE kind = 'CancelRequested'") == [(1,)]


def test_the_whole_way_by_the_command_line(nursery: Nursery, tmp_path: Path) -> None:
    """Killed in one terminal, gone on with in another."""
    at = Range(nursery, tmp_path / "at")
    process = at.begin(do="start", hold="each")
    at.until("each 0 1 start")
    at.kill(process)
    command = [sys.executable, "-c", "from yamlflow_nb.cli import main; main()"]
    environment = {**os.environ, "CHAOS_LEDGER": str(at.ledger), "YAMLFLOW_STORE": str(at.store)}

    def said(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*command, *words], cwd=tmp_path, env=environment, capture_output=True, text=True)

    assert "interrupted" in said("list", "--all").stdout
    resumed_ = said("resume")
    assert resumed_.returncode == 0, resumed_.stdout + resumed_.stderr
    assert "completed" in resumed_.stdout and "completed" in said("list", "--all").stdout
    assert said("resume", str(at.left().id)).returncode == 2, "it has ended"


# --- who is there ------------------------------------------------------------------------------------------------------


def test_a_process_that_is_gone_is_known_to_be_gone() -> None:
    here = ProcessIdentity()
    assert not here.is_gone(here.owner)
    program = "from yamlflow_nb.infrastructure.process_identity import ProcessIdentity; print(ProcessIdentity().owner)"
    outcome = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert here.is_gone(outcome.stdout.strip())
    host, pid, start, name = here.owner.split("/")
    assert here.is_gone(f"{host}/{pid}/{start}0/{name}"), "its number was given to another"
    assert not here.is_gone(f"elsewhere/{pid}/{start}0/{name}"), "of another machine nobody knows"
    assert not here.is_gone(f"{host}/{pid}/-/{name}") and not here.is_gone("garbage")


def test_a_bell_is_heard_and_those_of_the_dead_are_swept_away(tmp_path: Path) -> None:
    import threading

    rung = threading.Event()
    bell = SocketBell(tmp_path / "store.db", "one", rung.set)
    assert bell.address is None and not bell.ring(str(tmp_path / "nobody"))
    bell.listen()
    dead = ring_folder(tmp_path / "store.db") / "dead"
    dead.touch()
    other = SocketBell(tmp_path / "store.db", "two", lambda: None)
    other.listen()
    assert not dead.exists() and other.ring(bell.address) and rung.wait(5)
    assert oct(Path(str(bell.address)).stat().st_mode & 0o777) == "0o600"
    for one in (bell, other):
        address = one.address
        one.close()
        assert not other.ring(address) and not Path(str(address)).exists()


def test_a_store_with_a_long_path_is_rung_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/tmp")
    deep = tmp_path.joinpath(*["a-rather-long-name-of-a-folder"] * 6) / "store.db"
    bell = SocketBell(deep, "one", lambda: None)
    bell.listen()
    assert bell.address is not None and len(bell.address) < 108 and bell.ring(bell.address)
    bell.close()


def test_without_sockets_the_store_is_watched(tmp_path: Path) -> None:
    import threading

    store, rung = SQLiteRepository(tmp_path / "store.db"), threading.Event()
    bell = WatchingBell(store.database.changes, rung.set)
    bell.listen()
    assert rung.wait(5)
    rung.clear()
    other = SQLiteRepository(tmp_path / "store.db")
    from tests.infrastructure.test_repository import first

    other.commit([first()])
    assert rung.wait(5)
    bell.close()
    other.close()
    store.close()
