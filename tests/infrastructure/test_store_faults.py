"""The store's file under real faults: held, full, deleted, replaced, flipped, read-only, of another version, spoiled by hand."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.infrastructure.test_repository import first, second
from tests.loop.making import Does, World
from yamlflow_nb.domain.store_error import (
    StoreBusy,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreMoved,
    StoreReadOnly,
    StoreVersionError,
    UnreadableRecord,
)
from yamlflow_nb.infrastructure.artifacts import LocalArtifacts
from yamlflow_nb.infrastructure.patience import patient
from yamlflow_nb.infrastructure.store import migrations, soundness
from yamlflow_nb.infrastructure.store.refusals import lock_holder
from yamlflow_nb.infrastructure.store.soundness import may_lose_pages, warn_of_old_sqlite
from yamlflow_nb.infrastructure.store.sqlite_repository import SQLiteRepository
from yamlflow_nb.infrastructure.system_clock import SystemClock

ROOT = Path(__file__).resolve().parents[2]
ONE = """\
name: one
nodes:
  - {id: a, type: python, code: pass}
  - {id: b, type: python, code: pass, startWhen: "event:a.completed"}
"""
_HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def repository(path: Path) -> Iterator[SQLiteRepository]:
    made = SQLiteRepository(path)
    yield made
    made.close()


@contextlib.contextmanager
def held(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process inside a writing transaction."""
    process = subprocess.Popen([sys.executable, "-c", _HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            stream.close()


# --- held by another process ---------------------------------------------------------------------------------------------


@pytest.mark.trust("F8")
def test_a_store_held_by_another_process_says_by_which(repository: SQLiteRepository, path: Path) -> None:
    repository.commit([first()])
    repository.database.writer.execute("PRAGMA busy_timeout=20")
    with held(path) as holder:
        assert lock_holder(path) == holder.pid
        with pytest.raises(StoreBusy, match=f"held by process {holder.pid}"):
            patient(repository, 0.3).commit([second()])
        assert len(repository.facts("e1")) == 1, "reading goes on"
    repository.commit([second()])
    assert len(repository.facts("e1")) == 2


@pytest.mark.trust("F9")
def test_a_writer_stopped_in_its_transaction_keeps_the_others_waiting_until_it_is_gone(
    repository: SQLiteRepository, path: Path
) -> None:
    repository.commit([first()])
    repository.database.writer.execute("PRAGMA busy_timeout=20")
    with held(path) as holder:
        os.kill(holder.pid, signal.SIGSTOP)
        done = threading.Event()
        writing = threading.Thread(target=lambda: (patient(repository, 30).commit([second()]), done.set()))
        writing.start()
        assert not done.wait(0.2)
        os.kill(holder.pid, signal.SIGKILL)
        assert done.wait(10)
        writing.join()


@pytest.mark.trust("F10")
def test_every_transaction_that_writes_begins_immediate(repository: SQLiteRepository) -> None:
    said: list[str] = []
    repository.database.writer.set_trace_callback(said.append)
    repository.commit([first()])
    repository.commit([second()])
    repository.take("e1", "other", 1, 30, None)
    repository.renew("other", 30)
    repository.release("other", ["e1"])
    repository.set_aside("e1", 2, "quarantined")
    begun = [line for line in said if line.upper().startswith("BEGIN")]
    assert begun == ["BEGIN IMMEDIATE"] * 6
    inside, outside = False, []
    for line in said:
        inside = (inside or line == "BEGIN IMMEDIATE") and line != "COMMIT"
        if not inside and line.split()[0] in ("INSERT", "UPDATE", "DELETE", "REPLACE"):
            outside.append(line)
    assert outside == []
    pragmas = {name: repository.database.writer.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")}
    assert pragmas == {"journal_mode": "wal", "synchronous": 2}


@pytest.mark.slow
@pytest.mark.trust("F8")
def test_eight_writers_lose_no_commit(path: Path) -> None:
    SQLiteRepository(path).close()
    program = (
        "import sys; from pathlib import Path; from tests.infrastructure.test_repository import first\n"
        "from yamlflow_nb.infrastructure.patience import patient\n"
        "from yamlflow_nb.infrastructure.store.sqlite_repository import SQLiteRepository\n"
        "store = patient(SQLiteRepository(Path(sys.argv[1])))\n"
        "[store.commit([first(f'{sys.argv[2]}-{n}')]) for n in range(40)]"
    )
    processes = [subprocess.Popen([sys.executable, "-c", program, str(path), str(n)], cwd=ROOT) for n in range(8)]
    assert [process.wait(100) for process in processes] == [0] * 8
    store = SQLiteRepository(path)
    assert len(store.executions(limit=1000)) == 320
    store.close()


# --- no room -------------------------------------------------------------------------------------------------------------


def _may_mount() -> bool:
    return sys.platform == "linux" and os.geteuid() == 0 and Path("/bin/mount").exists()


class Disk:
    """A small place for a store, which can be filled and emptied."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind, self.folder = kind, folder / "disk"
        self.folder.mkdir()
        self.store: SQLiteRepository | None = None
        if kind == "tmpfs":
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(self.folder)], check=True)

    def open(self) -> SQLiteRepository:
        self.store = SQLiteRepository(self.folder / "store.db")
        return self.store

    def fill(self) -> None:
        if self.kind == "tmpfs":
            with contextlib.suppress(OSError), (self.folder / "ballast").open("wb", buffering=0) as ballast:
                while True:
                    ballast.write(b"x" * 4096)
            return
        assert self.store is not None
        writer = self.store.database.writer
        writer.execute(f"PRAGMA max_page_count={writer.execute('PRAGMA page_count').fetchone()[0]}")

    def empty(self) -> None:
        if self.kind == "tmpfs":
            (self.folder / "ballast").unlink()
        elif self.store is not None:
            self.store.database.writer.execute("PRAGMA max_page_count=1073741823")

    def close(self) -> None:
        if self.store is not None:
            self.store.close()
        if self.kind == "tmpfs":
            subprocess.run(["umount", str(self.folder)], check=True)


@pytest.fixture(params=["pages", *(["tmpfs"] if _may_mount() else [])])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    made = Disk(request.param, tmp_path)
    yield made
    made.close()


def _fill_up(store: SQLiteRepository) -> None:
    """Until not even a small turn fits."""
    number = 0
    with contextlib.suppress(StoreFull):
        while True:
            number += 1
            store.commit([first(f"filler-{number}", definition=f"{number} " + "x" * 200)])


@pytest.mark.trust("F11")
def test_a_full_disk_pauses_and_room_lets_go_on(disk: Disk, tmp_path: Path) -> None:
    begun, release = threading.Event(), threading.Event()

    def slow(work: Any) -> dict[str, Any]:
        begun.set()
        release.wait(60)
        return {"text": "y" * 60_000}

    does = Does(a=slow)
    with World(tmp_path, {"python": does}, SystemClock(), disk.open()) as world:
        run = world.start(ONE)
        assert begun.wait(10)
        disk.fill()
        _fill_up(world.repository)
        release.set()
        seen = run.version
        while run.held is None:
            seen = run.wait_for_change(seen, 10)
        assert run.held == "storeFull" and [work.attempt.node for work in does.seen] == ["a"], "nothing new starts"
        with pytest.raises(StoreError):
            world.start(ONE, "e2")
        disk.empty()
        assert run.wait(20) and run.state.status == "completed" and run.held is None
        assert [work.attempt.node for work in does.seen] == ["a", "b"], "the result was kept, nothing ran twice"
        assert world.repository.variables("e1")["a.text"] == "y" * 60_000
        assert world.repository.database.rows("PRAGMA integrity_check") == [("ok",)]
        assert world.start(ONE.replace("one", "two"), "e3").wait(20)


if _may_mount():

    @pytest.mark.trust("F11")
    def test_outputs_that_find_no_room_are_kept_until_there_is(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        disk = Disk("tmpfs", tmp_path)
        large, written = tmp_path / "large.bin", threading.Event()
        large.write_bytes(os.urandom(300_000))

        def makes(work: Any) -> dict[str, Any]:
            disk.fill()
            written.set()
            return {"file": large}

        with World(tmp_path, {"python": Does(a=makes)}, SystemClock(), SQLiteRepository(tmp_path / "store.db")) as world:
            carry = world.loop._carry
            carry._around = replace(carry._around, artifacts=LocalArtifacts(disk.folder / "artifacts"))
            run = world.start(ONE)
            assert written.wait(10)
            while "no room for the outputs" not in caplog.text:
                threading.Event().wait(0.01)
            assert run.state.nodes["a"].state == "running"
            disk.empty()
            assert run.wait(20) and run.state.status == "completed"
            kept = Path(run.state.nodes["a"].outputs["file"]["path"])
            assert kept.read_bytes() == large.read_bytes() and kept.parent.parent.parent == disk.folder
        disk.close()


# --- another file, or none ---------------------------------------------------------------------------------------------


def _removed(path: Path) -> None:
    for name in ("store.db", "store.db-wal", "store.db-shm"):
        (path.parent / name).unlink(missing_ok=True)


def _replaced(path: Path) -> None:
    _removed(path)
    SQLiteRepository(path).close()


@pytest.mark.trust("F12")
@pytest.mark.parametrize("happens", [_removed, _replaced])
def test_nothing_is_written_into_a_file_that_is_gone(path: Path, tmp_path: Path, happens: Any) -> None:
    begun, release = threading.Event(), threading.Event()

    def slow(work: Any) -> dict[str, Any]:
        begun.set()
        return {"done": release.wait(60)}

    world = World(tmp_path, {"python": Does(a=slow)}, SystemClock(), SQLiteRepository(path))
    run, other = world.start(ONE), world.start("name: hold\nnodes: [{id: a, type: wait, event: custom.go}]", "e2")
    assert begun.wait(10)
    happens(path)
    release.set()
    assert run.wait(10) and isinstance(run.lost, StoreMoved)
    assert other.wait(10) and isinstance(other.lost, StoreMoved), "all of that store stop"
    with pytest.raises(StoreMoved):
        world.start(ONE, "e3")
    world.loop.close()
    if path.exists():
        with contextlib.closing(sqlite3.connect(path)) as fresh:
            assert fresh.execute("SELECT count(*) FROM executions").fetchone() == (0,)


# --- flipped bytes -----------------------------------------------------------------------------------------------------


@pytest.mark.trust("F13")
@pytest.mark.parametrize("number", range(20))
def test_flipped_bytes_are_found_when_the_store_is_opened(path: Path, number: int) -> None:
    """In the pages' own structure; bytes inside a text are for the reader of that row (``B40``)."""
    store = SQLiteRepository(path)
    for name in range(30):
        store.commit([first(f"e{name}", definition="x" * 5000 + str(name))])
    store.close()
    chance, data = random.Random(number), bytearray(path.read_bytes())
    page = chance.randrange(len(data) // 4096) if number else 0
    start = page * 4096 + (100 if page == 0 else 0)
    for offset in range(start, start + 12):
        data[offset] ^= chance.randrange(1, 256)
    path.write_bytes(bytes(data))
    before = path.read_bytes()
    try:
        opened = SQLiteRepository(path)
    except StoreDamaged as error:
        assert "YF605" in str(error) and path.read_bytes() == before, "it says so, and writes nothing"
        return
    # What the check accepts must still be all there: the bytes were those of a page that holds nothing.
    assert {found.id for found in opened.executions(limit=100)} == {f"e{name}" for name in range(30)}
    opened.close()


@pytest.mark.trust("F13")
def test_a_file_that_is_no_store_is_left_alone(path: Path) -> None:
    path.write_bytes(b"dear diary, " * 1000)
    with pytest.raises(StoreDamaged, match="not a database"):
        SQLiteRepository(path)
    assert path.read_bytes() == b"dear diary, " * 1000


@pytest.mark.trust("F13")
def test_a_damaged_store_names_the_backup_beside_it(path: Path) -> None:
    path.write_bytes(b"dear diary, " * 1000)
    path.with_name("store.db.schema1.bak").touch()
    with pytest.raises(StoreDamaged, match=r"store\.db\.schema1\.bak"):
        SQLiteRepository(path)


@pytest.mark.trust("F15")
def test_a_sqlite_in_the_range_of_the_wal_fault_is_told_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(soundness, "_told", set())  # a test before this one may have been told already
    assert [may_lose_pages(version) for version in ((3, 6, 23), (3, 40, 1), (3, 51, 2), (3, 51, 3))] == [False, True, True, False]
    for others in (False, True, True):
        warn_of_old_sqlite((3, 40, 1), others)
    assert len(caplog.records) == 1 and "3.40.1" in caplog.text


# --- versions ------------------------------------------------------------------------------------------------------------


def _of_version_1(path: Path) -> None:
    """A store as the first version left it."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as old:
        migrations.STEPS[1](old)
        old.execute("INSERT INTO store VALUES (1)")
        row = (
            "e1",
            "p",
            "1",
            "h",
            "name: p",
            "<text>",
            "/f",
            "/f",
            '{"month":2}',
            "completed",
            None,
            "ada",
            1.0,
            2.0,
            1,
            '{"n":1}',
        )
        old.execute(f"INSERT INTO executions VALUES ({', '.join('?' * len(row))})", row)
        body = '{"schema":1,"fact":{"at":1.0,"by":null,"now":false}}'
        old.execute("INSERT INTO facts VALUES ('e1', 1, 'CancelRequested', 1.0, ?)", (body,))


@pytest.mark.trust("F16")
def test_an_older_store_is_lifted_and_kept_beside(path: Path) -> None:
    _of_version_1(path)
    store = SQLiteRepository(path)
    found = store.execution("e1")
    assert found is not None and (found.definition, found.inputs, found.outputs) == ("name: p", {"month": 2}, {"n": 1})
    assert (found.owner, found.epoch, len(store.facts("e1"))) == (None, 0, 1)
    store.commit([first("e2")])
    store.close()
    with contextlib.closing(sqlite3.connect(path.with_name("store.db.schema1.bak"))) as backup:
        assert backup.execute("SELECT version FROM store").fetchone() == (1,)
        assert backup.execute("SELECT count(*) FROM executions").fetchone() == (1,)


@pytest.mark.trust("F16")
def test_a_lift_that_fails_leaves_the_store_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _of_version_1(path)

    def breaks(connection: sqlite3.Connection) -> None:
        migrations._run(migrations._LEASES)(connection)
        raise RuntimeError("in the middle")

    with monkeypatch.context() as patched:
        patched.setitem(migrations.STEPS, 2, breaks)
        with pytest.raises(RuntimeError):
            SQLiteRepository(path)
    with contextlib.closing(sqlite3.connect(path)) as old:
        assert old.execute("SELECT version FROM store").fetchone() == (1,)
        assert old.execute("SELECT definition FROM executions").fetchone() == ("name: p",)
    SQLiteRepository(path).close()


@pytest.mark.trust("F16")
def test_two_processes_that_lift_a_store_at_once_lift_it_once(path: Path) -> None:
    _of_version_1(path)
    program = (
        "import sys; from pathlib import Path; from yamlflow_nb.infrastructure.store.sqlite_repository import SQLiteRepository\n"
        "print('ready', flush=True); sys.stdin.readline(); print(len(SQLiteRepository(Path(sys.argv[1])).executions()))"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for process in processes:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    assert [process.communicate(timeout=30)[0] for process in processes] == ["1\n"] * 4


def test_processes_that_make_a_store_at_once_all_have_it(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from yamlflow_nb.infrastructure.store.sqlite_repository import SQLiteRepository\n"
        "print('ready', flush=True)\n"
        "for line in sys.stdin: print(len(SQLiteRepository(Path(line.strip())).executions()), flush=True)"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    try:
        for process in processes:
            assert process.stdout is not None and process.stdout.readline() == "ready\n"
        for number in range(25):
            for process in processes:
                assert process.stdin is not None
                process.stdin.write(f"{tmp_path / str(number) / 'store.db'}\n")
                process.stdin.flush()
            assert [process.stdout.readline() for process in processes if process.stdout] == ["0\n"] * 4, number
    finally:
        for process in processes:
            process.communicate()


@pytest.mark.trust("F16")
def test_a_store_of_a_later_version_is_refused_with_both_versions(path: Path) -> None:
    SQLiteRepository(path).close()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as later:
        later.execute("UPDATE store SET version = 99")
    with pytest.raises(StoreVersionError, match=f"schema 99, this yamlflow_nb uses schema {migrations.VERSION}"):
        SQLiteRepository(path)


# --- rights ------------------------------------------------------------------------------------------------------------


@pytest.mark.trust("B39")
def test_the_store_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "store.db"
    store = SQLiteRepository(path)
    store.commit([first()])
    assert oct(path.parent.stat().st_mode & 0o777) == "0o700"
    assert {oct(file.stat().st_mode & 0o777) for file in path.parent.iterdir()} == {"0o600"}
    store.close()
    path.chmod(0o644)
    SQLiteRepository(path).close()
    assert oct(path.stat().st_mode & 0o777) == "0o600", "one that others may read is shut"


_LOOKS = """
import os, sys
sys.path.insert(0, os.getcwd())
from pathlib import Path
from tests.infrastructure.test_repository import second, first
from yamlflow_nb.domain.store_error import StoreReadOnly
from yamlflow_nb.infrastructure.store.sqlite_repository import SQLiteRepository
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
store = SQLiteRepository(Path(sys.argv[1]))
print(store.database.read_only, [found.id for found in store.executions()], len(store.facts("e1")))
try:
    store.commit([first("e2")])
except StoreReadOnly as error:
    print(error)
"""


@pytest.mark.trust("F17")
@pytest.mark.parametrize("open_", [False, True], ids=["at rest", "while another writes"])
def test_a_store_that_is_not_ours_to_write_can_be_looked_at(open_: bool) -> None:
    import shutil
    import tempfile

    folder = Path(tempfile.mkdtemp())
    store = SQLiteRepository(folder / "store.db")
    store.commit([first()])
    if not open_:
        store.close()
    for file in folder.iterdir():
        file.chmod(0o444)
    folder.chmod(0o555)
    outcome = subprocess.run([sys.executable, "-c", _LOOKS, str(folder / "store.db")], cwd=ROOT, capture_output=True, text=True)
    folder.chmod(0o755)
    if open_:
        store.close()
    shutil.rmtree(folder)
    assert outcome.stdout.splitlines()[0] == "True ['e1'] 1", outcome.stderr
    assert "YF607" in outcome.stdout and "not yours to write" in outcome.stdout


@pytest.mark.trust("F17")
def test_a_store_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreReadOnly, match="none can be made"):
        SQLiteRepository(tmp_path / "file" / "store.db")


# --- rows spoiled by hand --------------------------------------------------------------------------------------------------


_SPOILED = {
    "unknown status": "UPDATE executions SET status = 'dancing' WHERE id = 'e1'",
    "inputs that are no JSON": "UPDATE given SET inputs = '{' WHERE execution_id = 'e1'",
    "inputs of a type unknown": 'UPDATE given SET inputs = \'{"$yf":"pickle","v":"x"}\' WHERE execution_id = \'e1\'',
}


@pytest.mark.trust("B40")
@pytest.mark.parametrize("what", _SPOILED)
def test_a_spoiled_execution_is_listed_as_set_aside_beside_the_others(repository: SQLiteRepository, what: str) -> None:
    repository.commit([first("e1"), first("e2", created_at=2.0)])
    repository.database.writer.execute(_SPOILED[what])
    assert [(found.id, found.status, found.reason) for found in repository.executions()] == [
        ("e2", "running", None), ("e1", "paused", "quarantined"),
    ]  # fmt: skip


@pytest.mark.trust("B40")
@pytest.mark.parametrize(
    "change",
    [
        "body = '{'",
        'body = \'{"schema":99,"fact":{}}\'',
        "kind = 'Teleported'",
        'body = \'{"schema":1,"fact":{"from":3}}\'',
        "body = '[]'",
        "number = 7",
    ],
)
def test_a_spoiled_fact_is_named(repository: SQLiteRepository, change: str) -> None:
    repository.commit([first()])
    repository.commit([second()])
    repository.database.writer.execute(f"UPDATE facts SET {change} WHERE number = 2")
    with pytest.raises(UnreadableRecord, match=r"`e1`: fact 2 (\(|is missing)"):
        repository.facts("e1")
