"""Commands run for real: in a process group of their own, with values in their environment and never in their text."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

import yamlflow_nb as yf
from tests.executors.running import Folder, failure
from yamlflow_nb.executors import ladder
from yamlflow_nb.testing import validate

SECRET = "canary-7f3a-9b21"


def until(condition, seconds: float = 30.0):
    """Wait for a condition; its value."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)
    return found


def test_a_list_is_run_as_it_is_and_its_outputs_are_exit_code_and_tails(folder: Folder) -> None:
    execution = folder.node("shell", command=["sh", "-c", "echo out; echo err >&2"])
    assert execution.nodes["a"].outputs == {"exit_code": 0, "stdout": "out\n", "stderr": "err\n"}, str(execution)
    assert sorted(folder.log(execution)) == ["err", "out"]


@pytest.mark.trust("B17")
@pytest.mark.parametrize("value", ["; touch stolen", "$(touch stolen)", "`touch stolen`", "a b\nc", "'\"", "|| touch stolen", "*"])
def test_a_value_is_one_argument_whatever_it_holds(folder: Folder, value: str) -> None:
    command = [sys.executable, "-c", "import sys; print(ascii(sys.argv[1:]))", "{{ pipeline.input.x }}"]
    execution = folder.node("shell", {"x": value}, command=command)
    assert execution.nodes["a"].outputs["stdout"] == ascii([value]) + "\n", str(execution)
    assert not (folder.path / "stolen").exists()


@pytest.mark.trust("B17")
@pytest.mark.parametrize("value", ["; touch stolen", "$(touch stolen)", "`touch stolen`", '"; touch stolen; "'])
def test_a_text_runs_under_a_shell_and_finds_its_inputs_in_the_environment(folder: Folder, value: str) -> None:
    execution = folder.node("shell", {"x": value}, command='printf %s "$x" | cat')
    assert execution.nodes["a"].outputs["stdout"] == value, str(execution)
    assert not (folder.path / "stolen").exists()


@pytest.mark.trust("B17")
def test_an_expression_in_a_shells_text_is_refused_with_the_bound_form() -> None:
    text = "name: p\ninputVariables: {day: {type: string}}\nnodes:\n"
    text += '  - {id: a, type: shell, command: "load {{ pipeline.input.day }}"}\n'
    [found] = validate(text)
    assert found.code == "YF134" and 'load "$day"' in (found.hint or "")


@pytest.mark.trust("B17")
def test_a_value_is_no_option(folder: Folder) -> None:
    told = failure(folder.node("shell", {"x": "--conf=evil"}, command=["echo", "{{ pipeline.input.x }}"]))
    assert "begins with `-`" in told and "write `--` before it" in told
    for command in (["echo", "--", "{{ pipeline.input.x }}"], ["echo", "--name={{ pipeline.input.x }}"]):
        assert folder.node("shell", {"x": "--conf=evil"}, command=command).status == "completed"
    assert folder.node("shell", {"x": -5}, command=["echo", "{{ pipeline.input.x }}"]).nodes["a"].outputs["stdout"] == "-5\n"


@pytest.mark.trust("B17")
def test_a_value_is_no_program(folder: Folder) -> None:
    assert "named in the definition" in failure(folder.node("shell", {"x": "id"}, command=["{{ pipeline.input.x }}"]))


def test_arguments_that_are_no_texts_are_refused_or_written_plainly(folder: Folder) -> None:
    echo = ["echo", "{{ pipeline.input.x }}"]
    assert folder.node("shell", {"x": True}, command=echo).nodes["a"].outputs["stdout"] == "true\n"
    assert "argument 1 is a list" in failure(folder.node("shell", {"x": [1, 2]}, command=echo))
    assert "argument 1 is null" in failure(folder.node("shell", command=["echo", None]))


def test_inputs_in_the_environment_are_texts_json_and_paths(folder: Folder) -> None:
    (folder.path / "made.txt").write_text("content")
    text = """
name: p
inputVariables: {one: {type: object, default: {k: [1]}}, none: {type: any, default: null}}
nodes:
  - {id: make, type: python, code: "made = 'made.txt'", outputs: {made: file}}
  - id: a
    type: shell
    command: 'echo "$one ${none-unset} $flag"; cat "$file"'
    inputBindings: {one: "{{ pipeline.input.one }}", none: "{{ pipeline.input.none }}", flag: true, file: "{{ make.made }}"}
"""
    assert folder.run(text).nodes["a"].outputs["stdout"] == '{"k":[1]} unset true\ncontent'


def test_a_failing_line_of_a_text_ends_it(folder: Folder) -> None:
    execution = folder.node("shell", command="echo one\nfalse\necho two\n")
    assert failure(execution) == "the command ended with exit code 1"
    assert folder.log(execution) == ["one"]


def test_an_exit_code_fails_the_attempt_and_can_be_read_by_retry_when(folder: Folder) -> None:
    count = 'printf x >> tries; [ "$(wc -c < tries)" -ge 3 ] || { echo not yet >&2; exit 75; }'
    again = {"retry": {"maxAttempts": 5}, "retryWhen": "{{ attempt.exit_code == 75 and attempt.outputs.stderr == 'not yet\\n' }}"}
    execution = folder.node("shell", command=count, **again)
    assert (execution.status, execution.nodes["a"].attempts) == ("completed", 3), str(execution)
    told = failure(folder.node("shell", command="echo broken >&2; exit 3"))
    assert told == "the command ended with exit code 3: broken"


def test_a_program_that_is_not_there_is_named(folder: Folder) -> None:
    assert failure(folder.node("shell", command=["no-such-program"])) == "there is no program `no-such-program`"
    (folder.path / "data.txt").write_text("x")
    assert "may not be run" in failure(folder.node("shell", command=["./data.txt"]))


def test_cwd_is_below_the_pipelines_folder(folder: Folder) -> None:
    (folder.path / "sub").mkdir()
    assert folder.node("shell", command=["pwd"], cwd="sub").nodes["a"].outputs["stdout"].endswith("/sub\n")
    assert "outside" in failure(folder.node("shell", command=["pwd"], cwd="../"))
    assert "no folder" in failure(folder.node("shell", command=["pwd"], cwd="gone"))


# --- outputs --------------------------------------------------------------------------------------------------------


def test_declared_outputs_come_as_lines_and_as_files(folder: Folder) -> None:
    script = """
echo rows=12 >> "$YAMLFLOW_OUTPUT"
echo 'name=12' >> "$YAMLFLOW_OUTPUT"
echo 'day=2013-01-02' >> "$YAMLFLOW_OUTPUT"
echo beside > report.txt
echo own > "$YAMLFLOW_OUTPUT_FOLDER/model.bin"
mkdir -p deep; printf 'a,b\\n1,2\\n' > deep/t.csv
echo table=deep/t.csv >> "$YAMLFLOW_OUTPUT"
"""
    kinds = {"rows": "integer", "name": "string", "day": "date", "report": "file", "model": "file", "table": "dataframe"}
    execution = folder.node("shell", outputs=kinds, command=script)
    outputs = execution.nodes["a"].outputs
    assert (outputs["rows"], outputs["name"], str(outputs["day"])) == (12, "12", "2013-01-02"), str(execution)
    assert Path(outputs["report"]["path"]).read_text() == "beside\n" and Path(outputs["model"]["path"]).read_text() == "own\n"
    assert outputs["table"]["rows"] == 1


def test_a_file_of_an_earlier_run_is_no_output_of_this_one(folder: Folder) -> None:
    old = folder.path / "report.txt"
    old.write_text("old")
    day_ago = time.time() - 86_400
    os.utime(old, (day_ago, day_ago))
    until(lambda: time.time() - old.stat().st_ctime > 3)
    execution = folder.node("shell", outputs={"report": "file"}, command=["true"])
    assert "`report` (file) was declared, but not set" in failure(execution)


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo rows=many >> $YAMLFLOW_OUTPUT", "output `rows` should be integer, but it is 'many'"),
        ("echo row=1 >> $YAMLFLOW_OUTPUT", "output `row` was written, but the node declares `rows`"),
        ("echo 1 >> $YAMLFLOW_OUTPUT", "is no `name=value`"),
        ("true", "`rows` (integer) was declared, but not set"),
    ],
)
def test_what_is_wrong_with_an_output_is_told(folder: Folder, script: str, told: str) -> None:
    assert told in failure(folder.node("shell", outputs={"rows": "integer"}, command=script))


def test_the_tails_are_at_most_64_kib_and_kept_as_values(folder: Folder) -> None:
    code = "import sys\nfor n in range(40_000): print(n, 'é\\t')\nsys.stderr.buffer.write(bytes(range(256)))"
    execution = folder.node("shell", command=[sys.executable, "-X", "utf8", "-c", code])
    outputs = execution.nodes["a"].outputs
    assert outputs["stdout"].endswith("39999 é\t\n") and outputs["stdout"][0].isdigit()
    assert 6_000 < len(outputs["stdout"]) < 65_536 and "\0" in outputs["stderr"]
    assert len(folder.log(execution)) > 40_000


def test_a_python_program_in_a_command_may_speak_as_a_task(folder: Folder) -> None:
    code = "import yamlflow_nb as yf; yf.output(n=4); yf.log('said')"
    execution = folder.node("shell", outputs={"n": "integer"}, command=[sys.executable, "-c", code])
    assert execution.nodes["a"].outputs["n"] == 4 and "said" in folder.log(execution)


# --- secrets --------------------------------------------------------------------------------------------------------


@pytest.mark.trust("B20")
def test_secrets_reach_the_command_and_nothing_that_is_written(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    key = "-----BEGIN KEY-----\nMIIEpAIBAAKCAQEA\nq83vEjRWeJCrze8\n-----END KEY-----"
    monkeypatch.setenv("YAMLFLOW_SECRET_API", SECRET)
    monkeypatch.setenv("YAMLFLOW_SECRET_KEY", key)
    monkeypatch.setenv("YAMLFLOW_SECRET_OTHER", "not-for-this-task")
    script = """
[ "$TOKEN" = "$YAMLFLOW_SECRET_API" ] && [ -z "${YAMLFLOW_SECRET_OTHER-}" ]
echo "$TOKEN"; echo "$TOKEN" >&2; echo "$YAMLFLOW_SECRET_KEY"; echo "said=$TOKEN" >> "$YAMLFLOW_OUTPUT"
exit $CODE
"""
    fields = {"secrets": ["api", "key"], "command": script}
    done = folder.node("shell", outputs={"said": "string"}, env={"TOKEN": "{{ secrets.api }}", "CODE": 0}, **fields)
    assert done.status == "completed" and done.nodes["a"].outputs["said"] == "•••", str(done)
    failed = folder.node("shell", outputs={"said": "string"}, env={"TOKEN": "{{ secrets.api }}", "CODE": 4}, **fields)
    assert failure(failed) == "the command ended with exit code 4: •••"
    folder.close()
    written = b"".join(path.read_bytes() for path in Path(folder.store).parent.rglob("*") if path.is_file())
    assert not [part for part in (SECRET, *key.splitlines()[1:3]) if part.encode() in written]


# --- stopping -------------------------------------------------------------------------------------------------------


def running(folder: Folder, execution) -> psutil.Process:
    """The command's process, when it has said that it works."""
    until(lambda: "at work" in folder.log(execution))
    return psutil.Process(json.loads((folder.attempt(execution) / "process.json").read_text())["pid"])


def group_of(process: psutil.Process) -> list[psutil.Process]:
    return [process, *process.children(recursive=True)]


def are_gone(processes: list[psutil.Process]) -> bool:
    return not [one for one in processes if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.trust("F40")
def test_a_cancel_ends_the_command_and_all_that_it_started(folder: Folder) -> None:
    text = "name: p\nnodes: [{id: a, type: shell, command: 'sleep 300 & sleep 300 & echo at work; wait'}]"
    execution = folder.start(text)
    leader = running(folder, execution)
    processes = until(lambda: found if len(found := group_of(leader)) == 3 else None)
    execution.cancel().wait(30)
    until(lambda: are_gone(processes))
    assert execution.nodes["a"].state == "cancelled"


def test_a_command_that_ignores_signals_is_killed(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ladder, "PATIENCE", 0.3)
    script = "trap '' INT TERM; echo at work; while :; do sleep 1; done"
    execution = folder.start(f'name: p\nnodes: [{{id: a, type: shell, command: "{script}", timeout: 2s}}]')
    processes = group_of(running(folder, execution))
    assert execution.wait(30).nodes["a"].reason == "timeout"
    until(lambda: are_gone(processes))
    until(lambda: "stopping: kill" in folder.log(execution))


def test_what_a_command_leaves_running_is_ended_and_told(folder: Folder) -> None:
    execution = folder.node("shell", command="sleep 300 & echo $!")
    left = int(execution.nodes["a"].outputs["stdout"])
    assert are_gone([psutil.Process(left)] if psutil.pid_exists(left) else [])
    assert any("left processes running" in note for note in execution.snapshot()["nodes"][0]["notes"])


@pytest.mark.trust("F25")
def test_the_command_of_an_owner_that_was_killed_is_ended_before_the_next_attempt(folder: Folder) -> None:
    script = """
if [ -e pid ]; then
  read -r before < pid
  [ "$(cut -d ' ' -f 3 "/proc/$before/stat" 2>/dev/null || echo Z)" = Z ] || exit 9
  exit 0
fi
echo $$ > pid.new; mv pid.new pid; sleep 300
"""
    document = {"name": "p", "nodes": [{"id": "a", "type": "shell", "command": script, "onInterrupt": "retry"}]}
    owner = subprocess.Popen(
        [sys.executable, "-c", "import sys, yamlflow_nb as yf; yf.run(sys.argv[1], folder='.', store=sys.argv[2])",
         json.dumps(document), folder.store], cwd=folder.path,
    )  # fmt: skip
    orphan = int(until(lambda: (folder.path / "pid").exists() and (folder.path / "pid").read_text()))
    owner.kill()
    owner.wait()
    assert psutil.pid_exists(orphan)
    execution = yf.get_execution(store=folder.store).resume().wait(60)
    assert (execution.status, execution.nodes["a"].attempts) == ("completed", 2), str(execution)
    assert not psutil.pid_exists(orphan) or psutil.Process(orphan).status() == psutil.STATUS_ZOMBIE


def test_a_command_whose_process_died_is_asked_about(folder: Folder) -> None:
    from yamlflow_nb.executors.registry import task_types
    from yamlflow_nb.planning import plan

    assert plan(yf.load("name: p\nnodes: [{id: a, type: shell, command: [load]}]"), task_types()).nodes[0].on_interrupt == "ask"
