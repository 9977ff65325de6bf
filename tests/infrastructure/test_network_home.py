"""A home folder on a network: the store is on a local disk, whole copies go home, and no two machines run one execution."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.infrastructure.test_repository import first
from yamlflow_nb.infrastructure.store import home_copies
from yamlflow_nb.infrastructure.store.home_copies import CopiedRepository, HomeCopies
from yamlflow_nb.infrastructure.store.locate_store import place_of

COMMAND = [sys.executable, "-c", "from yamlflow_nb.cli import main; main()"]
DONE = "name: done\nnodes: [{id: a, type: python, code: x = 1, outputs: {x: integer}}]\n"
FAILS = "name: fails\nnodes: [{id: a, type: python, code: \"open('there').close()\"}]\n"
HELD = "name: held\nnodes: [{id: a, type: wait, event: custom.go}]\n"


class Machines:
    """Machines that share one home folder over a network, each with a disk of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.copies = self.home / "state" / "yamlflow" / "copies"
        self.home.mkdir()
        (folder / "done.yaml").write_text(DONE)
        (folder / "held.yaml").write_text(HELD)
        (folder / "fails.yaml").write_text(FAILS)

    def on(self, host: str, *words: str) -> subprocess.CompletedProcess[str]:
        disk = self.folder / f"disk-of-{host}"
        disk.mkdir(exist_ok=True)
        environment = {name: value for name, value in os.environ.items() if name != "YAMLFLOW_STORE"} | {
            "XDG_STATE_HOME": str(self.home / "state"), "YAMLFLOW_NETWORK_FOLDERS": str(self.home), "YAMLFLOW_HOST": host,
            "XDG_RUNTIME_DIR": str(disk),
        }  # fmt: skip
        return subprocess.run([*COMMAND, *words], env=environment, capture_output=True, text=True, cwd=self.folder)

    def id_of(self, pipeline: str, host: str) -> str:
        lines = self.on(host, "list", "--all").stdout.splitlines()
        return next(line.split()[0] for line in lines if f" {pipeline} " in line)


@pytest.fixture
def machines(tmp_path: Path) -> Machines:
    return Machines(tmp_path)


@pytest.mark.trust("F14")
def test_the_store_is_on_a_local_disk_and_copies_go_home(machines: Machines) -> None:
    outcome = machines.on("a", "run", "done.yaml")
    assert outcome.returncode == 0, outcome.stderr
    assert len([line for line in outcome.stderr.splitlines() if "the store lies on a local disk" in line]) == 1
    assert list(machines.home.rglob("store.db")) == [] and len(list((machines.folder / "disk-of-a").rglob("store.db"))) == 1
    with closing(sqlite3.connect(machines.copies / "a.db")) as copy:
        assert copy.execute("SELECT status FROM executions").fetchall() == [("completed",)]
        assert copy.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert oct((machines.copies / "a.db").stat().st_mode & 0o777) == "0o600" and len(list(machines.copies.iterdir())) == 1
    found = machines.on("a", "doctor").stdout
    assert "home" in found and str(machines.copies) in found


@pytest.mark.slow
@pytest.mark.trust("F14")
def test_on_another_machine_everything_is_looked_at_and_gone_on_with_only_when_that_is_said(machines: Machines) -> None:
    machines.on("a", "run", "done.yaml")
    assert machines.on("a", "run", "held.yaml").returncode == 3
    held = machines.id_of("held", "b")
    assert "completed" in machines.on("b", "show", machines.id_of("done", "b")).stdout
    refused = machines.on("b", "resume", held)
    assert refused.returncode == 2 and "YF725" in refused.stderr and " on a," in refused.stderr and "--take-over" in refused.stderr
    assert machines.on("b", "event", "send", "go", held).returncode != 0, "an event goes on with it no more than resume does"
    assert machines.on("b", "resume", "--take-over", held).returncode == 3
    back = machines.on("a", "resume", held)
    assert back.returncode != 0 and "was gone on with on b" in back.stderr
    sent = machines.on("b", "event", "send", "go", held)
    assert sent.returncode == 0 and "completed" in machines.on("b", "show", held).stdout, sent.stderr


@pytest.mark.slow
@pytest.mark.trust("F14")
def test_what_ended_on_one_machine_is_retried_on_another_only_when_that_is_said(machines: Machines) -> None:
    assert machines.on("a", "run", "fails.yaml").returncode == 1
    failed = machines.id_of("fails", "b")
    refused = machines.on("b", "retry", failed)
    assert refused.returncode == 2 and "YF725" in refused.stderr and " on a," in refused.stderr
    assert f"yamlflow retry --take-over {failed}" in refused.stderr
    (machines.folder / "there").touch()
    again = machines.on("b", "retry", "--take-over", failed)
    assert again.returncode == 0 and "completed" in again.stdout, again.stderr
    back = machines.on("a", "retry", failed)
    assert back.returncode != 0 and "was gone on with on b" in back.stderr and "Traceback" not in back.stderr
    (machines.folder / "there").unlink()
    assert machines.on("b", "retry", "--with", "a", failed).returncode == 1, "it is this machine's now: nothing is to be said"


@pytest.mark.slow
@pytest.mark.trust("F14")
def test_a_machine_whose_disk_was_emptied_begins_with_its_own_copy(machines: Machines) -> None:
    machines.on("a", "run", "held.yaml")
    held = machines.id_of("held", "a")
    for one in (machines.folder / "disk-of-a").rglob("store.db*"):
        one.unlink()
    assert held in machines.on("a", "list", "--all").stdout
    assert machines.on("a", "resume", held).returncode == 3, "it was this machine's: nothing is to be said"


@pytest.mark.trust("F14")
def test_a_store_that_is_named_on_a_network_is_only_looked_at(machines: Machines) -> None:
    machines.on("a", "run", "done.yaml")
    before = (machines.copies / "a.db").read_bytes()
    assert "completed" in machines.on("a", "list", "--all", "--store", str(machines.copies / "a.db")).stdout
    for store in (machines.copies / "a.db", machines.home / "new.db"):
        refused = machines.on("a", "run", "done.yaml", "--store", str(store))
        assert refused.returncode == 2 and "locks do not hold" in refused.stderr and "Traceback" not in refused.stderr
    assert (machines.copies / "a.db").read_bytes() == before and not (machines.home / "new.db").exists()


def _until(true: Any) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.trust("F14")
def test_what_goes_on_is_copied_now_and_then_and_a_failing_copy_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(home_copies, "EVERY", 0.05)
    (tmp_path / "home").write_text("in the way")
    copies = HomeCopies(tmp_path / "home" / "copies", tmp_path / "store.db", "a")
    store = CopiedRepository(tmp_path / "store.db", copies)
    store.commit([first()])
    time.sleep(0.2)
    (tmp_path / "home").unlink()
    _until(copies.own.exists)
    store.close()
    with closing(sqlite3.connect(copies.own)) as copy:
        assert copy.execute("SELECT count(*) FROM executions").fetchone() == (1,)


def test_a_folder_of_another_below_the_temporary_one_is_refused(tmp_path: Path) -> None:
    user = os.getuid()
    (tmp_path / f"yamlflow-{user}").mkdir(mode=0o755)
    variables = {"XDG_STATE_HOME": "/net/state", "YAMLFLOW_NETWORK_FOLDERS": "/net", "TMPDIR": str(tmp_path)}
    with pytest.raises(ValueError, match="yours alone"):
        place_of(None, variables)
    (tmp_path / f"yamlflow-{user}").chmod(0o700)
    assert place_of(None, variables).path.is_relative_to(tmp_path / f"yamlflow-{user}")
