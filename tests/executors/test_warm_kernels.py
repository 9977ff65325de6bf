"""Warm kernels: each is as one that was just started, is used once, and nothing is left of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest

from tests.executors.running import Folder, failure
from yamlflow_nb.executors import warm_kernels
from yamlflow_nb.executors.warm_kernels import WarmKernels

ROOT = Path(__file__).parents[2]


def _until(found: Callable[[], Any], seconds: float = 60.0) -> Any:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        got = found()
        if got:
            return got
        time.sleep(0.02)
    raise AssertionError("it did not come")


LOOK = """
import json, os, signal, sys, threading
shell = get_ipython()
heavy = {"pandas", "numpy", "matplotlib", "pyarrow", "yaml"}
opened = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")]
seen = {
    "path": sys.path, "argv": [os.path.basename(sys.argv[0]), *sys.argv[3:]], "folder": os.getcwd(),
    "variables": {name: value for name, value in os.environ.items() if name != "YAMLFLOW_CHANNEL"},
    "dirs": repr(_dh), "start": repr(shell.starting_dir), "count": shell.execution_count, "main": __name__,
    "names": sorted(name for name in globals() if name != "seen"),
    "signals": [str(signal.getsignal(number)) for number in sorted(signal.valid_signals())],
    "wakeup": signal.set_wakeup_fd(-1) == -1, "umask": os.umask(0o22), "stdin": sys.stdin.read() if sys.stdin else "",
    "threads": sorted({thread.name.partition("-")[0] for thread in threading.enumerate()} - {"Thread"}),
    "leads": os.getpid() == os.getpgid(0) == os.getsid(0),
    "heavy": sorted({name.partition(".")[0] for name in sys.modules} & heavy),
    "files": sorted({os.path.basename(path) for path in opened if path.startswith("/")} - {"null"}),
}
"""


def test_a_warm_kernel_is_as_one_that_was_just_started(folder: Folder) -> None:
    folder.notebook("a.ipynb", LOOK)
    seen = {}
    for isolation in ("warm", "fresh"):
        execution = folder.node("notebook", outputs={"seen": "object"}, path="a.ipynb", isolation=isolation, env={"EXTRA": "1"})
        assert execution.status == "completed", str(execution)
        seen[isolation] = execution.nodes["a"].outputs["seen"]
    assert seen["warm"] == seen["fresh"]
    assert seen["warm"]["variables"]["EXTRA"] == "1" and seen["warm"]["folder"] == str(folder.path)
    assert seen["warm"]["heavy"] == []


def test_a_kernel_is_used_once_and_keeps_nothing_for_the_next(folder: Folder) -> None:
    folder.notebook(
        "a.ipynb",
        "import os, sys, random\nleft = [name for name in ('mark', 'json_mark') if name in globals() or name in os.environ]\n"
        "loaded = 'xmlrpc.client' in sys.modules and hasattr(sys.modules['xmlrpc.client'], 'mark')\npid = os.getpid()\n"
        "chance = random.random()",
        "import xmlrpc.client\nmark = 1; os.environ['json_mark'] = '1'; xmlrpc.client.mark = 1; os.chdir('/')",
    )
    declared = {"left": "array", "loaded": "boolean", "pid": "integer", "chance": "number"}
    ran = [folder.node("notebook", outputs=declared, path="a.ipynb").nodes["a"].outputs for _ in range(4)]
    assert [one["left"] for one in ran] == [[]] * 4 and not any(one["loaded"] for one in ran)
    assert len({one["pid"] for one in ran}) == 4 and len({one["chance"] for one in ran}) == 4
    assert not any(psutil.pid_exists(one["pid"]) for one in ran)


def test_what_a_notebook_wrote_and_left_to_its_end_is_in_its_files(folder: Folder) -> None:
    folder.notebook(
        "a.ipynb",
        "import atexit, threading, time, zipfile\nopened = open('open.txt', 'w'); opened.write('all of it')\n"
        "packed = zipfile.ZipFile('packed.zip', 'w'); packed.writestr('a', 'b')\n"
        "atexit.register(lambda: open('exit.txt', 'w').write('said'))\n"
        "def late():\n    time.sleep(0.3)\n    open('late.txt', 'w').write('done')\nthreading.Thread(target=late).start()",
    )
    names = [str(folder.path / name) for name in ("open.txt", "exit.txt", "late.txt")]
    look = f"told = [open(name).read() for name in {names}] + zipfile.ZipFile({str(folder.path / 'packed.zip')!r}).namelist()"
    after = {"type": "python", "code": f"import zipfile\n{look}", "startWhen": "event:a.completed", "outputs": {"told": "array"}}
    nodes = [{"id": "a", "type": "notebook", "path": "a.ipynb"}, {"id": "b", **after}]
    execution = folder.run(json.dumps({"name": "two", "nodes": nodes}))
    assert execution.status == "completed", str(execution)
    assert execution.nodes["b"].outputs["told"] == ["all of it", "said", "done", "a"], str(execution)


def test_a_process_that_a_notebook_left_running_ends_with_it(folder: Folder) -> None:
    folder.notebook("a.ipynb", "import subprocess\nleft = subprocess.Popen(['sleep', '300']).pid")
    execution = folder.node("notebook", outputs={"left": "integer"}, path="a.ipynb")
    _until(lambda: not psutil.pid_exists(execution.nodes["a"].outputs["left"]))


def test_secrets_are_given_when_a_kernel_is_taken_and_lie_nowhere(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YAMLFLOW_SECRET_API", "canary-4711-canary")
    folder.notebook(
        "a.ipynb",
        "import os\nlength = len(os.environ['TOKEN'])\nlaid = b'canary-' + b'4711' in open('/proc/self/environ', 'rb').read()",
    )
    document = {"id": "a", "type": "notebook", "path": "a.ipynb", "env": {"TOKEN": "{{ secrets.api }}"}}
    execution = folder.run(
        json.dumps({"name": "one", "nodes": [{**document, "outputs": {"length": "integer", "laid": "boolean"}}]})
    )
    assert execution.nodes["a"].outputs["length"] == 18, str(execution)
    written = [path for path in (folder.path / ".state").rglob("*") if path.is_file()]
    written += [path for server in warm_kernels._servers for path in server.folder.rglob("*") if path.is_file()]
    assert not [path for path in written if b"canary-4711" in path.read_bytes()]


@pytest.mark.parametrize(
    "fields",
    [{"isolation": "fresh"}, {"env": {"PYTHONWARNINGS": "error"}}, {"kernel": "other"}, {"env": {"HOME": "{home}"}}],
    ids=["asked for", "variables of the start", "another kernel", "start-up files"],
)
def test_what_a_warm_kernel_would_not_have_is_started_fresh(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any]
) -> None:
    spec = folder.path / "jupyter" / "kernels" / "other"
    spec.mkdir(parents=True)
    argv = [sys.executable, "-X", "utf8", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "o", "language": "python"}))
    startup = folder.path / "home" / ".ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00.py").write_text("import os\nstarted_in = os.getcwd()")
    monkeypatch.setenv("JUPYTER_PATH", str(folder.path / "jupyter"))
    if "{home}" in str(fields):
        fields = {"env": {"HOME": str(folder.path / "home")}}
    folder.notebook("a.ipynb", "command = ' '.join(open('/proc/self/cmdline').read().split('\\0'))")
    execution = folder.node("notebook", outputs={"command": "string"}, path="a.ipynb", **fields)
    assert "ipykernel_launcher" in execution.nodes["a"].outputs["command"], str(execution)


def test_where_no_process_can_be_forked_kernels_start_fresh(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm_kernels, "_possible", lambda: False)
    folder.notebook("a.ipynb", "command = open('/proc/self/cmdline').read()")
    execution = folder.node("notebook", outputs={"command": "string"}, path="a.ipynb")
    assert "ipykernel_launcher" in execution.nodes["a"].outputs["command"]


def test_kernels_that_cannot_be_forked_are_given_up_for_fresh_ones(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm_kernels, "_MAIN", "import sys; sys.exit(3)")
    monkeypatch.setattr(warm_kernels, "KERNELS", WarmKernels())
    folder.notebook("a.ipynb", "command = open('/proc/self/cmdline').read()")
    execution = folder.node("notebook", outputs={"command": "string"}, path="a.ipynb")
    assert "ipykernel_launcher" in execution.nodes["a"].outputs["command"], str(execution)


def test_a_package_that_is_installed_meanwhile_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = [1]
    monkeypatch.setattr(warm_kernels, "_installed", lambda: tuple(installed))
    kernels = WarmKernels()
    first = kernels.take(os.environ, tmp_path, tmp_path / "log")
    server = kernels._server
    installed[0] = 2
    second = kernels.take(os.environ, tmp_path, tmp_path / "log")
    assert first and second and kernels._server is not server
    assert server is not None and not server.gone.is_set() and first.poll() is None, "what was taken runs on"
    assert first.finish(30) and server.gone.wait(30), "the old server ends with its last kernel"
    kernels.retire()
    assert second.finish(30)


def test_no_more_kernels_wait_than_were_asked_for_and_none_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YAMLFLOW_WARM_KERNELS", "2")
    kernels = WarmKernels()
    taken = [kernels.take(os.environ, tmp_path, tmp_path / "log") for _ in range(3)]
    server = kernels._server
    assert server is not None
    process = psutil.Process(server._process.pid)
    _until(lambda: len(process.children()) == 5)
    for kernel in taken:
        assert kernel is not None and kernel.finish(30)
    _until(lambda: len(process.children()) == 2)
    monkeypatch.setattr(warm_kernels, "_IDLE_SECONDS", 0.1)
    kernels.expect()
    assert server.gone.wait(30) and not server.folder.exists()
    monkeypatch.setenv("YAMLFLOW_WARM_KERNELS", "0")
    assert WarmKernels().take(os.environ, tmp_path, tmp_path / "log") is None


PARENT = """
import os, sys, time
from pathlib import Path
from yamlflow_nb.executors.warm_kernels import KERNELS
kernel = KERNELS.take(os.environ, Path(sys.argv[1]), Path(sys.argv[1]) / "log")
for spare in KERNELS._spare: spare.ready.wait(60)
forked = os.fork() if sys.argv[2] == "forks" else -1
if forked == 0:
    time.sleep(600)
print(KERNELS._server._process.pid, forked, kernel.pid, *(spare.pid for spare in KERNELS._spare), flush=True)
time.sleep(0 if sys.argv[2] == "ends" else 600)
"""


@pytest.mark.trust("F25")
@pytest.mark.parametrize("way", ["killed", "ends", "forks"])
def test_no_kernel_and_no_server_outlive_their_process(tmp_path: Path, way: str) -> None:
    """Also with a kernel that is stopped, and with a fork of the process that goes on."""
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path), way], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    server, fork, *kernels = (int(pid) for pid in parent.stdout.readline().split())
    assert len(kernels) >= 2
    if way == "ends":
        parent.wait(60)
    else:
        os.kill(kernels[0], signal.SIGSTOP)
        parent.kill()
        parent.wait(60)
    _until(lambda: not any(psutil.pid_exists(pid) for pid in (server, *kernels)))
    if fork > 0:
        os.kill(fork, signal.SIGKILL)


def test_a_fork_of_the_process_has_kernels_of_its_own(tmp_path: Path) -> None:
    code = """
import os, sys
from pathlib import Path
from yamlflow_nb.executors import warm_kernels
first = warm_kernels.KERNELS.take(os.environ, Path("/"), Path(sys.argv[1]))
child = os.fork()
if child == 0:
    mine = warm_kernels.KERNELS.take(os.environ, Path("/"), Path(sys.argv[1]))
    os._exit(0 if mine is not None and mine.pid != first.pid and mine.finish(30) else 1)
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status), first.poll(), first.finish(30))
"""
    command = [sys.executable, "-c", code, str(tmp_path / "log")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.stdout.split() == ["0", "None", "True"], done.stderr


def test_papermill_alone_runs_on_a_warm_kernel(folder: Folder) -> None:
    folder.notebook("a.ipynb", "n = 1", "print(n * 2, open('/proc/self/cmdline').read())", tags={1: "parameters"})
    command = [
        sys.executable,
        "-m",
        "papermill",
        "--engine",
        "yamlflow",
        "-p",
        "n",
        "21",
        "-k",
        "python3",
        "-l",
        "python",
        "a.ipynb",
        "out.ipynb",
    ]
    done = subprocess.run(command, cwd=folder.path, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    out = nbformat.read(folder.path / "out.ipynb", as_version=4)
    assert out.cells[2].outputs[0].text.startswith("42 ") and "fork_server" in out.cells[2].outputs[0].text
    assert out.metadata.papermill.exception is None


def test_papermill_alone_tells_a_failing_cell_as_ever(folder: Folder) -> None:
    folder.notebook("a.ipynb", "1 / 0")
    command = [sys.executable, "-m", "papermill", "--engine", "yamlflow", "-k", "python3", "-l", "python", "a.ipynb", "out.ipynb"]
    done = subprocess.run(command, cwd=folder.path, capture_output=True, text=True, timeout=100)
    assert done.returncode == 1 and "ZeroDivisionError" in done.stderr


def test_a_cell_that_fails_leaves_no_kernel(folder: Folder) -> None:
    folder.notebook("a.ipynb", "import os\nopen('pid', 'w').write(str(os.getpid()))", "1 / 0")
    assert failure(folder.node("notebook", path="a.ipynb")) == "cell 2, line 1: division by zero"
    assert not psutil.pid_exists(int((folder.path / "pid").read_text()))
