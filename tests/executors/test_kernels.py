"""Kernels that die, never start, never end, or outlive their pipeline's process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.executors.running import Folder, failure
from yamlflow_nb.bootstrap import services
from yamlflow_nb.executors import ladder, notebook_run, process_record
from yamlflow_nb.services.execution import Execution

pytestmark = pytest.mark.slow


def _until(found, seconds: float = 30.0):
    """Wait for something to be true, and give it."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        got = found()
        if got:
            return got
        time.sleep(0.02)
    raise AssertionError("it did not come")


def _kernel_of(folder: Folder, execution: Execution, name: str = "r1-a1") -> int:
    path = folder.attempt(execution, name=name) / "process.json"
    return _until(lambda: path.exists() and json.loads(path.read_text())["pid"])


HANGING = "print('began', flush=True)\nimport time\nwhile True:\n    try: time.sleep(60)\n    except BaseException: pass"
ONE = "name: one\nnodes: [{id: a, type: notebook, path: a.ipynb}]"


@pytest.mark.trust("F23")
def test_a_killed_kernel_is_noticed_within_ten_seconds_and_told(folder: Folder) -> None:
    folder.notebook("a.ipynb", "1", HANGING)
    execution = folder.start(ONE)
    _until(lambda: "began" in folder.log(execution))
    began = time.monotonic()
    os.kill(_kernel_of(folder, execution), signal.SIGKILL)
    execution.wait(20)
    assert time.monotonic() - began < 10
    assert failure(execution) == "cell 2: kernel died (signal 9, likely memory)"


@pytest.mark.trust("F24")
def test_the_copy_of_a_killed_notebook_claims_nothing(folder: Folder) -> None:
    folder.notebook("a.ipynb", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "2")
    execution = folder.node("notebook", path="a.ipynb")
    assert execution.status == "failed"
    copy = (folder.attempt(execution) / "a.ipynb").read_text()
    assert "completed" not in copy and json.loads(copy)["cells"][1]["outputs"] == []
    assert not list(folder.attempt(execution).glob(".*.part"))


@pytest.mark.trust("F24")
def test_each_attempt_keeps_a_copy_of_its_own(folder: Folder) -> None:
    folder.notebook("a.ipynb", "import os\nassert os.path.exists('second') or open('second', 'w')  and False, 'first'\nn = 1")
    execution = folder.node("notebook", outputs={"n": "integer"}, path="a.ipynb", retry={"maxAttempts": 2})
    assert execution.status == "completed", str(execution)
    first, second = (folder.attempt(execution, name=f"r1-a{n}") / "a.ipynb" for n in (1, 2))
    assert "AssertionError" in first.read_text() and "AssertionError" not in second.read_text()


@pytest.mark.trust("F26")
def test_a_kernel_that_is_not_installed_is_named_with_those_that_are(folder: Folder) -> None:
    folder.notebook("a.ipynb", "1", kernelspec={"name": "julia-1.9", "display_name": "Julia"})
    execution = folder.run(f"{ONE[:-1]}, {{id: other, type: python, code: n = 1, outputs: {{n: integer}}}}]")
    assert failure(execution) == "there is no kernel `julia-1.9`; installed: `python3`"
    assert execution.nodes["other"].state == "completed"


def _spec(folder: Folder, monkeypatch: pytest.MonkeyPatch, *argv: str) -> None:
    spec = folder.path / "jupyter" / "kernels" / "odd"
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text(json.dumps({"argv": [*argv], "display_name": "odd", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(folder.path / "jupyter"))


@pytest.mark.trust("F26")
def test_a_kernel_that_dies_while_it_starts_is_told_with_what_it_said(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    _spec(folder, monkeypatch, sys.executable, "-c", "import sys; sys.exit('no licence')", "{connection_file}")
    folder.notebook("a.ipynb", "1")
    told = failure(folder.node("notebook", path="a.ipynb", kernel="odd"))
    assert told == "kernel `odd` died while it started (exit code 1); it said: no licence; installed: `odd`, `python3`"


@pytest.mark.trust("F26")
def test_a_kernel_that_never_answers_is_given_up(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notebook_run, "STARTUP_SECONDS", 2)
    _spec(folder, monkeypatch, sys.executable, "-c", "import time; time.sleep(99)", "{connection_file}")
    folder.notebook("a.ipynb", "1")
    execution = folder.node("notebook", path="a.ipynb", kernel="odd")
    assert "kernel `odd` did not answer within" in failure(execution) and "installed: `odd`, `python3`" in failure(execution)
    assert not _children_of(os.getpid(), "sleep(99)")


def _children_of(pid: int, marked: str) -> list[psutil.Process]:
    found = []
    for child in psutil.Process(pid).children(recursive=True):
        try:
            if marked in " ".join(child.cmdline()) or child.status() == psutil.STATUS_ZOMBIE:
                found.append(child)
        except psutil.Error:
            continue
    return found


@pytest.mark.trust("F27")
def test_a_cell_that_never_returns_is_interrupted_when_its_time_is_over(folder: Folder) -> None:
    folder.notebook("a.ipynb", "import time\ntime.sleep(60)")
    execution = folder.node("notebook", path="a.ipynb", timeout="4s")
    assert execution.nodes["a"].reason == "timeout" and failure(execution) == "timed out after 4 s"
    path = folder.attempt(execution) / "process.json"
    _until(lambda: not path.exists())
    assert folder.log(execution)[-1] == "stopping: interrupt"


@pytest.mark.trust("F27")
def test_a_cell_that_ignores_interrupts_is_terminated_or_killed_and_leaves_no_zombie(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ladder, "PATIENCE", 0.7)
    folder.notebook("a.ipynb", "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)", HANGING)
    execution = folder.start(ONE)
    _until(lambda: "began" in folder.log(execution))
    kernel = _kernel_of(folder, execution)
    execution.cancel()
    assert execution.wait(5).status == "cancelled"  # at once: the work is stopped behind it
    _until(lambda: not psutil.pid_exists(kernel), 10)
    said = [record for record in folder.log(execution) if record.startswith("stopping")]
    assert said == ["stopping: interrupt", "stopping: terminate", "stopping: kill"]


RUNNER = """
import sys, yamlflow_nb as yf
yf.start(open(sys.argv[1]).read(), folder=sys.argv[2], store=sys.argv[3], wait=True)
"""


@pytest.mark.trust("F25")
def test_the_kernel_of_a_killed_process_is_ended_before_the_next_attempt_begins(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel is stopped, so that it cannot notice by itself that its parent is gone."""
    monkeypatch.setattr(process_record, "GRACE", 1.0)
    folder.notebook("a.ipynb", HANGING)
    (folder.path / "p.yaml").write_text(f"{ONE[:-2]}, isolation: fresh, outputs: {{alive: {{type: boolean, optional: true}}}}}}]")
    arguments = [sys.executable, "-c", RUNNER, str(folder.path / "p.yaml"), str(folder.path), folder.store]
    runner = subprocess.Popen(arguments, cwd=Path(__file__).parents[2])
    found = _until(lambda: list((folder.path / ".state").glob("runs/*/a/r1-a1/process.json")))[0]
    kernel = json.loads(found.read_text())["pid"]
    log = found.parent / "log.txt"
    _until(lambda: log.exists() and "began" in log.read_text())
    os.kill(kernel, signal.SIGSTOP)
    runner.kill()
    runner.wait()
    assert psutil.pid_exists(kernel)
    look = f"import psutil\nalive = psutil.pid_exists({kernel}) and psutil.Process({kernel}).status() != 'zombie'"
    folder.notebook("a.ipynb", look)
    execution = services(folder.store).executions.resume(found.parents[2].name).wait(60)
    assert execution.status == "completed", str(execution)
    assert execution.nodes["a"].outputs["alive"] is False
    assert f"process {kernel} of attempt r1-a1 did not end by itself: it is killed" in str(execution)


@pytest.mark.trust("F25")
def test_a_process_number_that_was_given_away_again_is_nobody(tmp_path: Path) -> None:
    process_record.record_process(tmp_path, os.getpid())
    assert process_record.alive(tmp_path) == os.getpid()
    told = json.loads((tmp_path / "process.json").read_text())
    (tmp_path / "process.json").write_text(json.dumps({**told, "started": "another-time"}))
    assert process_record.alive(tmp_path) is None
