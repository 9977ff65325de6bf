"""What tasks say is kept, one record a line, and can be followed."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.executors.running import Folder
from yamlflow_nb.bootstrap import services
from yamlflow_nb.domain.diagnostic import DiagnosticError
from yamlflow_nb.loop import log_file
from yamlflow_nb.loop.log_file import LogFile, as_record


def test_the_log_of_a_node_is_read_attempt_by_attempt(folder: Folder) -> None:
    execution = folder.node("python", code="print('try', n)\n1 / 0", inputs={"n": 1}, retry={"maxAttempts": 2})
    told = list(services(folder.store).executions.logs(execution.id, "a"))
    assert [record.attempt for record in told if record.text.startswith("try")] == ["r1-a1", "r1-a2"]
    assert {record.node for record in told} == {"a"} and all(record.at > 1e9 for record in told)
    assert list(services(folder.store).executions.logs(execution.id)) == told


def test_a_log_is_followed_until_the_node_has_ended(folder: Folder) -> None:
    gate = threading.Event()

    def speak() -> None:
        print("first")
        gate.wait(10)
        print("last")

    execution = folder.start("name: p\nnodes: [{id: a, type: python, function: speak}]", namespace={"speak": speak})
    told = services(folder.store).executions.logs(execution.id, "a", follow=True)
    assert next(told).text == "first"
    gate.set()
    assert [record.text for record in told] == ["last"]


def test_the_log_of_a_node_that_is_not_there_is_an_error(folder: Folder) -> None:
    execution = folder.node("python", code="pass")
    with pytest.raises(DiagnosticError, match="YF704"):
        services(folder.store).executions.logs(execution.id, "b")


STEERING = [
    "\x1b[2J\x1b[31mred", "\x1b]52;c;c3RlYWw=\x07", "\x1b]8;;file:///etc/passwd\x1b\\link", "safe\roverwritten", "a\u202eb\u2066c",
    "\x9b2J", "\x00\x07\x08", "a\u2028b",
]  # fmt: skip


@pytest.mark.parametrize("text", STEERING)
@pytest.mark.trust("B33")
def test_no_record_steers_a_terminal(folder: Folder, text: str) -> None:
    execution = folder.node("python", {"text": text}, code="import yamlflow_nb as yf; yf.log(text); print(text)")
    written = (folder.attempt(execution) / "log.txt").read_text(encoding="utf-8")
    assert all(char.isprintable() or char in "\n\t" for char in written), repr(written)


@pytest.mark.trust("B34")
def test_a_record_is_one_line_and_cannot_pass_for_another(tmp_path: Path) -> None:
    log = LogFile(lambda: tmp_path, lambda: 7.0)
    log.write("x\n9.000 ERROR fake\\n")
    log.close()
    assert (tmp_path / "log.txt").read_text() == "7.000 x\\n9.000 ERROR fake\\\\n\n"


def test_a_log_does_not_grow_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_file, "MOST_BYTES", 10_000)
    log = LogFile(lambda: tmp_path, time.time)
    for _ in range(1000):
        log.write("x" * 100)
    log.close()
    lines = (tmp_path / "log.txt").read_text().splitlines()
    assert len(lines) < 100 and "the log ends here" in lines[-1]
    assert len(as_record("x" * 1_000_000)) < 70_000


@pytest.mark.trust("F46")
@pytest.mark.parametrize("type", ["python", "sql", "notebook"])
def test_a_file_that_changed_between_attempts_is_told_and_its_hash_is_kept(folder: Folder, type: str) -> None:
    before, after = ("SELECT 1 / 0 + nothing", "SELECT 1") if type == "sql" else ("1 / 0", "n = 1")

    def write(code: str) -> None:
        if type == "notebook":
            folder.notebook("work.ipynb", code)
        else:
            (folder.path / ("work.sql" if type == "sql" else "work.py")).write_text(code)

    write(before)
    field = "path: work.ipynb" if type == "notebook" else f"file: work.{'sql' if type == 'sql' else 'py'}"
    execution = folder.start(f"name: p\nnodes: [{{id: a, type: {type}, {field}, retry: {{maxAttempts: 2, delay: 1s}}}}]")
    while not (folder.attempt(execution) / "files.json").exists() or execution.nodes["a"].state == "running":
        time.sleep(0.01)
    write(after)
    assert execution.wait(30).status == "completed", str(execution)
    assert "was changed since attempt r1-a1" in str(execution)
    later = "import sys; from yamlflow_nb.bootstrap import services; print(services(sys.argv[1]).executions.get(sys.argv[2]))"
    shown = subprocess.run([sys.executable, "-c", later, str(folder.store), execution.id], capture_output=True, text=True)
    assert "note: work." in shown.stdout and "was changed since attempt r1-a1" in shown.stdout, "another process shows it, later"
    facts = services(folder.store).executions._repository.facts(execution.id)
    hashes = [list(fact.files.values()) for fact in facts if type_of_fact(fact) == "TaskFinished"]
    assert [len(one) for one in hashes] == [1, 1] and hashes[0] != hashes[1]
    assert all(len(digest) == 64 for one in hashes for digest in one)


def type_of_fact(fact: object) -> str:
    return type(fact).__name__


@pytest.mark.trust("F46")
def test_a_file_that_did_not_change_is_not_mentioned(folder: Folder) -> None:
    (folder.path / "work.py").write_text("1 / 0")
    execution = folder.node("python", file="work.py", retry={"maxAttempts": 2})
    assert "changed" not in str(execution)
