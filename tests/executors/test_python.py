"""Python tasks in threads and in processes of their own."""

from __future__ import annotations

import json
import os
import threading
import time
from base64 import b64encode
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest

from tests.executors.running import Folder, failure
from yamlflow_nb.executors import ladder
from yamlflow_nb.testing import validate

BOTH = pytest.mark.parametrize("isolation", ["thread", "process"])


@BOTH
def test_code_sees_its_bindings_as_names_and_leaves_its_outputs(folder: Folder, isolation: str) -> None:
    execution = folder.node("python", {"n": 2}, {"m": "integer"}, code="m = n * 3", isolation=isolation)
    assert execution.nodes["a"].outputs == {"m": 6}, str(execution)


@BOTH
def test_a_file_is_run_like_code(folder: Folder, isolation: str) -> None:
    (folder.path / "work.py").write_text("from pathlib import Path\nm = n + len(Path(__file__).name)")
    execution = folder.node("python", {"n": 2}, {"m": "integer"}, file="work.py", isolation=isolation)
    assert execution.nodes["a"].outputs == {"m": 9}, str(execution)


@BOTH
def test_a_function_gets_keyword_arguments_and_returns_a_mapping_or_a_result(folder: Folder, isolation: str) -> None:
    (folder.path / "helpers.py").write_text("def double(n): return n * 2\ndef both(n): return {'x': n, 'y': -n}")
    given = {"function": "helpers:double", "isolation": isolation}
    assert folder.node("python", {"n": 2}, {"result": "integer"}, **given).nodes["a"].outputs == {"result": 4}
    given["function"] = "helpers:both"
    assert folder.node("python", {"n": 2}, {"x": "integer"}, **given).nodes["a"].outputs == {"x": 2, "y": -2}


def test_a_function_of_the_kernel_is_called(folder: Folder) -> None:
    text = "name: p\nnodes: [{id: a, type: python, function: mine, outputs: {result: integer}}]"
    assert folder.run(text, namespace={"mine": lambda: 7}).nodes["a"].outputs == {"result": 7}
    told = failure(folder.run(text.replace("function: mine", "function: mine, isolation: process"), namespace={"mine": print}))
    assert "lives in this kernel" in told


def test_an_edited_module_runs_as_it_is_now_and_two_folders_do_not_mix(folder: Folder, tmp_path: Path) -> None:
    module = folder.path / "yf_test_helpers.py"
    module.write_text("def f(): return 1")
    outputs = {"result": "integer"}
    assert folder.node("python", outputs=outputs, function="yf_test_helpers:f").nodes["a"].outputs == {"result": 1}
    module.write_text("def f(): return 22")
    assert folder.node("python", outputs=outputs, function="yf_test_helpers:f").nodes["a"].outputs == {"result": 22}
    other = Folder(tmp_path / "other")
    other.path.mkdir()
    (other.path / "yf_test_helpers.py").write_text("def f(): return 3")
    assert other.node("python", outputs=outputs, function="yf_test_helpers:f").nodes["a"].outputs == {"result": 3}
    other.close()


@BOTH
def test_an_error_is_told_with_its_line_and_the_log_has_the_traceback(folder: Folder, isolation: str) -> None:
    execution = folder.node("python", code="x = 1\ny = x / 0", isolation=isolation)
    assert failure(execution) == "line 2: division by zero"
    log = folder.log(execution)
    assert log[-1].endswith("ZeroDivisionError: division by zero") and not any("yamlflow_nb" in record for record in log)


@BOTH
def test_sys_exit_is_no_success(folder: Folder, isolation: str) -> None:
    execution = folder.node("python", code="import sys; sys.exit(0)", isolation=isolation)
    assert "ended itself by sys.exit(0)" in failure(execution)


@BOTH
def test_what_is_printed_is_logged_also_from_threads(folder: Folder, isolation: str, capfd: pytest.CaptureFixture[str]) -> None:
    code = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
print("one"); print("two", file=sys.stderr)
threading.Thread(target=print, args=("three",)).start()
with ThreadPoolExecutor(2) as pool: list(pool.map(print, ["four", "five"]))
import yamlflow_nb as yf
thread = threading.Thread(target=yf.log, args=("six",)); thread.start(); thread.join()
"""
    execution = folder.node("python", code=code, isolation=isolation)
    assert sorted(folder.log(execution)) == ["five", "four", "one", "six", "three", "two"], str(execution)
    assert capfd.readouterr() == ("", "")


@BOTH
def test_lines_of_threads_that_print_at_once_stay_whole(folder: Folder, isolation: str) -> None:
    code = """
import sys, threading
sys.setswitchinterval(1e-6)
def say(who):
    for n in range(200): print(who, n)
threads = [threading.Thread(target=say, args=(who,)) for who in "abcd"]
for thread in threads: thread.start()
for thread in threads: thread.join()
sys.setswitchinterval(0.005)
"""
    log = folder.log(folder.node("python", code=code, isolation=isolation))
    assert sorted(log) == sorted(f"{who} {n}" for who in "abcd" for n in range(200))


def test_a_letter_of_several_bytes_is_whole_wherever_the_pipe_is_cut(folder: Folder) -> None:
    code = "import os; text = ('x' + 'é' * 40_000).encode(); os.write(1, text + b'\\n')"
    assert folder.log(folder.node("python", code=code, isolation="process")) == ["x" + "é" * 40_000]


def test_other_threads_print_where_they_always_did(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    gate = threading.Event()

    def wait() -> None:
        print("in the task")
        gate.wait(10)

    execution = folder.start("name: p\nnodes: [{id: a, type: python, function: wait}]", namespace={"wait": wait})
    while "in the task" not in folder.log(execution):
        time.sleep(0.01)
    print("outside")
    thread = threading.Thread(target=print, args=("of another thread",))
    thread.start()
    thread.join()
    gate.set()
    execution.wait(10)
    assert capsys.readouterr().out == "outside\nof another thread\n"
    assert folder.log(execution) == ["in the task"]
    assert threading.Thread.start.__module__ == "threading"


def test_a_process_has_its_own_environment_and_an_empty_standard_input(folder: Folder) -> None:
    code = "import os, sys; mine = os.environ['MINE']; pid = os.getpid(); read = sys.stdin.read()"
    outputs = {"mine": "string", "pid": "integer", "read": "string"}
    got = folder.node("python", outputs=outputs, code=code, env={"MINE": "yes"}).nodes["a"].outputs
    assert got["mine"] == "yes" and got["pid"] != os.getpid() and got["read"] == "" and "MINE" not in os.environ


def test_nodes_that_start_together_wait_for_the_module_that_they_share(folder: Folder) -> None:
    (folder.path / "yf_test_shared.py").write_text(
        "import pathlib, time\n"
        "with (pathlib.Path(__file__).parent / 'read').open('a') as read:\n    read.write('once ')\n"
        "time.sleep(0.2)  # as long as the import of something large takes\n"
        "def twice(n): return n * 2\n"
    )
    each = "type: python, function: 'yf_test_shared:twice', inputBindings: {n: '{{ item }}'}, outputs: {result: integer}"
    execution = folder.run(f"name: p\nnodes: [{{id: a, {each}, forEach: [1, 2, 3, 4, 5, 6], maxParallel: 3}}]")
    assert execution.nodes["a"].outputs == {"result": [2, 4, 6, 8, 10, 12]}, str(execution)
    assert (folder.path / "read").read_text() == "once ", "none saw it half read, and none read it again"


def test_modules_of_the_users_do_not_stand_in_for_pythons_own(folder: Folder) -> None:
    (folder.path / "json.py").write_text("raise ImportError('mine')")
    execution = folder.node("python", outputs={"n": "integer"}, code="n = 1", isolation="process")
    assert execution.status == "completed", str(execution)


def test_a_killed_process_is_told(folder: Folder) -> None:
    execution = folder.node("python", code="import os, signal; os.kill(os.getpid(), signal.SIGKILL)", isolation="process")
    assert failure(execution) == "the task's process died (signal 9, likely memory)"


def test_a_process_says_output_progress_and_events_at_once(folder: Folder) -> None:
    execution = folder.run("""\
name: p
nodes:
  - id: a
    type: python
    isolation: process
    emits: [found]
    code: |
      import time, os, yamlflow_nb as yf
      yf.output(early=1); yf.progress(1, 2); yf.emit("found", n=5)
      while not os.path.exists("go"): time.sleep(0.02)  # in the pipeline's folder
    outputs: {early: integer}
  - {id: b, type: python, isolation: process, code: "open('go', 'w').close(); m = n", startWhen: "event:a.found",
     inputBindings: {n: "{{ a.events.found.n }}"}, outputs: {m: integer}}
""")
    assert execution.status == "completed" and execution.nodes["b"].outputs == {"m": 5}, str(execution)
    assert execution.nodes["a"].outputs == {"early": 1}


# --- stopping ------------------------------------------------------------------------------------------------------------


def _until(found, seconds: float = 20.0):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found():
            return
        time.sleep(0.02)
    raise AssertionError("it did not come")


def _lives(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


@pytest.mark.trust("F40")
def test_a_thread_that_loops_is_interrupted(folder: Folder) -> None:
    cleaned = folder.path / "cleaned"
    code = f"import time\ntry:\n    while True: time.sleep(0.01)\nfinally:\n    open({str(cleaned)!r}, 'w').close()"
    execution = folder.node("python", code=code, timeout="500ms")
    assert execution.nodes["a"].reason == "timeout"
    _until(cleaned.exists)


@pytest.mark.trust("F40")
def test_a_thread_that_cannot_be_interrupted_is_told_and_leaves_its_worker(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ladder, "PATIENCE", 0.2)
    lock = threading.Lock()
    lock.acquire()
    text = "name: p\nnodes: [{id: a, type: python, function: wait, timeout: 300ms, onFailure: ignore}, {id: b, type: approval}]"
    execution = folder.start(text, namespace={"wait": lock.acquire})
    _until(lambda: "could not be stopped" in str(execution))
    assert "isolation: process" in str(execution)
    assert next(record for record in folder.log(execution) if record.startswith("stopping")) == "stopping: interrupt"
    lock.release()
    execution.cancel()


@pytest.mark.trust("F40")
def test_a_process_that_ignores_everything_is_killed_with_what_it_started(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ladder, "PATIENCE", 0.5)
    code = """
import os, signal, subprocess, sys, time
for number in (signal.SIGINT, signal.SIGTERM): signal.signal(number, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(99)"])
print(os.getpid(), child.pid, flush=True)
while True:
    try: time.sleep(9)
    except BaseException: pass
"""
    execution = folder.start(f"name: p\nnodes: [{{id: a, type: python, isolation: process, code: {json.dumps(code)}}}]")
    _until(lambda: folder.log(execution))
    pids = [int(part) for part in folder.log(execution)[0].split()]
    began = time.monotonic()
    execution.cancel()
    assert execution.wait(5).status == "cancelled" and time.monotonic() - began < 1
    _until(lambda: not any(map(_lives, pids)))
    assert folder.log(execution)[1:] == ["stopping: interrupt", "stopping: terminate", "stopping: kill"]


def test_a_process_ends_with_the_process_that_started_it(folder: Folder) -> None:
    import subprocess
    import sys

    code = "import os, time; file = open('pid', 'w'); file.write(str(os.getpid())); file.close(); time.sleep(99)"
    (folder.path / "p.yaml").write_text(f"name: p\nnodes: [{{id: a, type: python, isolation: process, code: {json.dumps(code)}}}]")
    script = "import sys, yamlflow_nb as yf; yf.run(sys.argv[1], store=sys.argv[2])"
    runner = subprocess.Popen([sys.executable, "-c", script, str(folder.path / "p.yaml"), folder.store])
    _until(lambda: (folder.path / "pid").exists() and (folder.path / "pid").read_text())
    pid = int((folder.path / "pid").read_text())
    runner.kill()
    runner.wait()
    _until(lambda: not _lives(pid))


# --- which functions -----------------------------------------------------------------------------------------------------


@pytest.mark.trust("B35")
def test_a_value_never_chooses_the_function() -> None:
    text = 'name: p\ninputVariables: {f: string}\nnodes: [{id: a, type: python, function: "{{ pipeline.input.f }}"}]'
    assert any("never by a value" in f"{found.message} {found.hint}" for found in validate(text))


@BOTH
@pytest.mark.trust("B35")
def test_functions_come_from_allowed_modules_where_these_are_listed(folder: Folder, isolation: str) -> None:
    (folder.path / "yamlflow.toml").write_text('[python]\nmodules = ["statistics", "os.path"]\n')
    (folder.path / "mine.py").write_text("def one(): return 1")
    for function in ("os:system", "subprocess:run", "statistics_:mean", "os:path.join"):
        told = failure(folder.node("python", {"command": "id"}, function=function, isolation=isolation))
        assert told.endswith("is none of those that [python] modules allows: statistics, os.path"), told
    given = {"outputs": {"result": "any"}, "isolation": isolation}
    assert folder.node("python", {"data": [1, 3]}, function="statistics:mean", **given).nodes["a"].outputs == {"result": 2}
    assert folder.node("python", function="mine:one", **given).nodes["a"].outputs == {"result": 1}


# --- secrets -------------------------------------------------------------------------------------------------------------

CANARY = 'canary-4711/ü"x'


@pytest.mark.parametrize("where", ["env", "call", "notebook"])
@pytest.mark.trust("B19", "B20")
def test_no_byte_that_is_written_holds_a_secret(folder: Folder, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    monkeypatch.setenv("YAMLFLOW_SECRET_CANARY", CANARY)
    get = "os.environ['MINE']" if where == "env" else "yf.secret('canary')"
    code = f"""
import os, base64, json, yamlflow_nb as yf
got = {get}
print(got, repr(got), json.dumps(got)); yf.log(got); yf.progress(1, 2, got); yf.output(early=got)
n, plain, inside = len(got), got, [{{'a': 'x' + got}}]
if os.path.exists('fail'): raise ValueError(got)
"""
    outputs = {"n": "integer", "plain": "string", "inside": "array", "early": "string"}
    fields = {"code": code, "isolation": "process"} | ({"env": {"MINE": "{{ secrets.canary }}"}} if where == "env" else {})
    if where == "notebook":
        folder.notebook("a.ipynb", code)
        fields = {"path": "a.ipynb"}
    type = "notebook" if where == "notebook" else "python"
    execution = folder.node(type, outputs=outputs, **fields)
    assert execution.status == "completed" and execution.nodes["a"].outputs["n"] == len(CANARY), str(execution)
    (folder.path / "fail").touch()
    failed = folder.node(type, outputs=outputs, **fields)
    assert "•••" in failure(failed) and CANARY not in str(failed)
    folder.close()
    written = {path: path.read_bytes() for path in Path(folder.store).parent.rglob("*") if path.is_file()}
    forms = [CANARY.encode(), json.dumps(CANARY).encode()[1:-1], quote(CANARY, safe="").encode(), b64encode(CANARY.encode())]
    assert [path for path, data in written.items() for form in forms if form in data] == []


def test_a_value_cannot_ask_for_a_secret_by_its_mark(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YAMLFLOW_SECRET_OTHER", "stolen")
    execution = folder.run(
        'name: p\ninputVariables: {x: any}\nnodes: [{id: a, type: python, code: pass, env: {X: "{{ pipeline.input.x }}"}}]',
        inputs={"x": "\0secret:other\0"},
    )
    assert "holds the mark of a secret" in failure(execution)


def test_a_listed_secret_that_is_not_there_fails_the_task_before_it_begins(folder: Folder) -> None:
    code = "import yamlflow_nb as yf\nprint('began')"
    execution = folder.node("python", code=code, secrets=["nowhere"])
    assert "there is no secret 'nowhere': set YAMLFLOW_SECRET_NOWHERE" in failure(execution) and folder.log(execution) == []


@pytest.mark.trust("B20")
def test_secrets_of_the_environment_are_masked_also_when_nobody_asked_for_them(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YAMLFLOW_SECRET_CANARY", CANARY)
    execution = folder.node("python", code="import os; print(dict(os.environ))", isolation="process")
    assert execution.status == "completed" and CANARY not in "".join(folder.log(execution))


def test_a_secret_lies_where_the_configuration_says(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELSEWHERE", "from-a-variable")
    (folder.path / "token").write_text("from-a-file\n")
    text = f'[secrets]\none = {{env = "ELSEWHERE"}}\ntwo = {{file = "{folder.path / "token"}"}}\nthree = "plain"\n'
    (folder.path / "yamlflow.toml").write_text(text)
    code = "import yamlflow_nb as yf\nn = [yf.secret('one')[::-1], yf.secret('two')[::-1]]"
    given = folder.node("python", code=code, outputs={"n": "array"}).nodes["a"].outputs["n"]
    assert given == ["from-a-variable"[::-1], "from-a-file"[::-1]]
    assert "stands in no configuration" in failure(folder.node("python", code=code, secrets=["three"]))
