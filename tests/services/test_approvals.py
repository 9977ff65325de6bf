"""Decisions on approvals through the services: on a loop of this process, of another, and while nobody drives the execution."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from yamlflow_nb import bootstrap
from yamlflow_nb.infrastructure.system_clock import SystemClock
from yamlflow_nb.services import desk
from yamlflow_nb.services.command_error import CommandError
from yamlflow_nb.services.execution import Execution
from yamlflow_nb.services.execution_service import ExecutionService

REVIEW = """\
name: publishing
nodes:
  - {id: load, type: python, code: "n = 3", outputs: {n: integer}}
  - id: review
    type: approval
    title: "Publish {{ load.n }} rows?"
    message: "There are {{ load.n }}."
    form: {amount: {type: integer, default: 2}}
    evidence: {rows: "{{ load.n }}"}
    startWhen: event:load.completed
  - {id: publish, type: python, code: "m = k * 10", inputBindings: {k: "{{ review.amount }}"}, outputs: {m: integer}}
outputs: {m: "{{ publish.m }}", by: "{{ review.by }}"}
"""
MANY = """\
name: many
nodes:
  - {id: review, type: approval, forEach: "{{ range(0, 8) }}"}
  - {id: after, type: wait, event: custom.all_told, startWhen: "event:review.completed"}
"""
OTHER = """\
import sys, threading
from yamlflow_nb.bootstrap import services
from yamlflow_nb.services import desk
from yamlflow_nb.services.command_error import CommandError
desk.ANSWER_SECONDS = 60.0  # however busy the machine is
store, name, item, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
executions = services(store).executions
codes = []
def decide():
    try:
        codes.append("ok" if executions.get(name).approve("review", item=None if item == "-" else int(item)) else "")
    except CommandError as error:
        codes.append(error.diagnostics[0].code)
print("ready", flush=True)
sys.stdin.readline()
threads = [threading.Thread(target=decide) for _ in range(count)]
[one.start() for one in threads]
[one.join() for one in threads]
print(" ".join(codes), flush=True)
"""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "store.db"
    bootstrap._close_all()


@pytest.fixture
def executions(store: Path) -> ExecutionService:
    return bootstrap.services(store).executions


def asking(executions: ExecutionService, text: str = REVIEW) -> Execution:
    return executions.start(text).wait(60, or_waiting=True)


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(CommandError) as error:
        call()
    return error.value.diagnostics[0].code


def left(store: Path, text: str = REVIEW) -> str:
    """An execution that waits for a decision, and whose process was killed."""
    code = (
        "import sys, os, yamlflow_nb as yf\n"
        "e = yf.start(sys.stdin.read(), store=sys.argv[1]).wait(60, or_waiting=True)\n"
        "print(e.id, flush=True)\nos.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(store)], input=text, text=True, capture_output=True, timeout=100)
    assert done.returncode == -9, done.stderr
    return done.stdout.strip()


def test_approved_from_python_the_run_goes_on(executions: ExecutionService) -> None:
    execution = asking(executions)
    (asked,) = execution.approvals
    assert (asked.title, asked.message, asked.evidence) == ("Publish 3 rows?", "There are 3.", {"rows": 3})
    execution.approve("review", amount=7, comment="fine").wait(60)
    assert (execution.status, execution.outputs["m"]) == ("completed", 70)
    assert execution.approvals == []


def test_what_waits_for_me_is_listed_with_all_that_is_shown(executions: ExecutionService) -> None:
    execution = asking(executions)
    (one,) = executions.approvals()
    assert (one["execution"], one["node"], one["form"]["amount"]["default"]) == (execution.id, "review", 2)
    text = str(execution)
    assert "asks: Publish 3 rows?" in text and "evidence: rows = 3" in text and one["shown"][:12] in text
    execution.cancel()
    assert executions.approvals() == []


@pytest.mark.trust("B27")
def test_a_decision_that_names_what_was_shown_is_refused_where_it_is_another_now(executions: ExecutionService) -> None:
    execution = asking(executions)
    shown = execution.approvals[0].shown
    execution.pause().set_variable("load.n", 4).resume()
    execution.wait(60, or_waiting=True)
    assert code_of(lambda: execution.approve("review", shown=shown)) == "YF743"
    assert execution.approvals[0].message == "There are 4."
    execution.approve("review", shown=execution.approvals[0].shown[:12]).wait(60)
    assert execution.status == "completed"


@pytest.mark.trust("F34")
def test_before_it_waits_and_after_a_cancel_a_decision_is_told_the_state(executions: ExecutionService) -> None:
    gate = "name: p\nnodes: [{id: gate, type: approval}, {id: review, type: approval, startWhen: event:gate.completed}]"
    execution = asking(executions, gate)
    with pytest.raises(CommandError, match="`review` does not wait for a decision: it is pending"):
        execution.approve("review")
    execution.cancel().wait(60)
    with pytest.raises(
        CommandError, match=r"YF740.*`gate` does not wait for a decision: it is cancelled, and the execution has ended"
    ):
        execution.approve("gate")


def test_where_several_wait_the_one_that_is_meant_is_named(executions: ExecutionService) -> None:
    execution = asking(executions, "name: p\nnodes: [{id: a, type: approval}, {id: b, type: approval}]")
    assert code_of(execution.approve) == "YF746"
    assert code_of(lambda: execution.approve("c")) == "YF704"
    execution.approve("a").approve()
    assert execution.wait(60).status == "completed"


@pytest.mark.trust("B26")
def test_who_decides_is_who_the_process_belongs_to_whatever_the_environment_says(
    executions: ExecutionService, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pwd

    me = pwd.getpwuid(os.geteuid()).pw_name
    monkeypatch.delenv("JUPYTERHUB_USER", raising=False)
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "boss")
    execution = asking(executions, "name: p\nnodes: [{id: review, type: approval, approvers: [boss]}]")
    assert code_of(lambda: execution.approve("review")) == "YF742"
    monkeypatch.setenv("JUPYTERHUB_USER", "boss")
    execution.approve("review").wait(60)
    assert execution.nodes["review"].outputs["by"] == "boss" and me != "boss"


@pytest.mark.trust("B27", "F33")
def test_of_fifty_decisions_at_once_from_two_processes_one_counts(
    store: Path, executions: ExecutionService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "ANSWER_SECONDS", 60.0)
    execution = asking(executions, MANY)
    for item in range(8):
        other = subprocess.Popen(
            [sys.executable, "-c", OTHER, str(store), execution.id, str(item), "25"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert other.stdin is not None and other.stdout is not None and other.stdout.readline() == "ready\n"
        codes: list[str] = []

        def decide(item: int = item, codes: list[str] = codes) -> None:
            try:
                execution.approve("review", item=item)
                codes.append("ok")
            except CommandError as error:
                codes.append(error.diagnostics[0].code)

        threads = [threading.Thread(target=decide) for _ in range(25)]
        other.stdin.write("go\n")
        other.stdin.flush()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        codes += other.communicate(timeout=100)[0].split()
        assert sorted(codes) == ["YF741"] * 49 + ["ok"]
    execution.send_event("all_told")
    assert execution.wait(60).status == "completed"
    assert bootstrap.store_service(store).verify() == (8, [])


@pytest.mark.trust("B27", "F33")
def test_of_many_decisions_while_nobody_drives_it_one_is_kept(store: Path) -> None:
    name = left(store)
    others = [
        subprocess.Popen(
            [sys.executable, "-c", OTHER, str(store), name, "-", "10"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for other in others:
        assert other.stdout is not None and other.stdout.readline() == "ready\n"
    for other in others:
        assert other.stdin is not None
        other.stdin.write("go\n")
        other.stdin.flush()
    codes = [code for other in others for code in other.communicate(timeout=100)[0].split()]
    assert sorted(codes) == ["YF741"] * 19 + ["ok"]
    execution = bootstrap.services(store).executions.resume(name).wait(60)
    assert (execution.status, execution.outputs["m"]) == ("completed", 20)


def test_a_decision_given_while_nobody_drives_it_is_taken_in_when_it_is_resumed(store: Path) -> None:
    name = left(store)
    executions = bootstrap.services(store).executions
    execution = executions.get(name)
    assert execution.status == "interrupted"
    execution.approve("review", amount=5, comment="from home")
    assert not execution.is_taken_in
    assert "given, and taken in when it is resumed: approve by" in str(execution)
    assert code_of(lambda: execution.reject("review")) == "YF741"
    given = execution.snapshot()["approvals"][0]["given"]
    execution.resume().wait(60)
    assert (execution.status, execution.outputs["m"]) == ("completed", 50)
    assert str(execution.nodes["review"].outputs["at"])[:19] in given[0], "when it was given, not when it was taken in"


@pytest.mark.trust("F34")
def test_a_decision_that_came_in_time_counts_though_its_time_is_over_when_it_is_taken_in(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "name: p\nnodes: [{id: review, type: approval, waitTimeout: 30m}]"
    in_time, late = left(store, text), left(store, text)
    executions = bootstrap.services(store).executions
    executions.get(in_time).approve("review")
    now = SystemClock.now
    monkeypatch.setattr(SystemClock, "now", lambda self: now(self) + 3600)
    assert code_of(lambda: executions.get(late).approve("review")) == "YF740"
    execution = executions.resume(late).wait(60)
    assert (execution.status, execution.nodes["review"].reason) == ("failed", "timeout")
    assert executions.resume(in_time).wait(60).status == "completed"


def test_the_waiting_outlives_its_process_and_its_time_goes_on(store: Path) -> None:
    name = left(store, "name: p\nnodes: [{id: review, type: approval, waitTimeout: 1s, onTimeout: reject}]")
    execution = bootstrap.services(store).executions.resume(name).wait(60)
    assert (execution.status, execution.nodes["review"].reason) == ("failed", "rejected")
    assert bootstrap.store_service(store).verify() == (0, []), "a timeout is nobody's decision"


def test_an_approval_that_could_never_be_answered_fails_when_it_begins(executions: ExecutionService) -> None:
    fields = 'approvers: "{{ [system.initiator] }}"'
    execution = executions.start(f"name: p\nnodes: [{{id: review, type: approval, {fields}}}]").wait(60)
    error = execution.nodes["review"].error
    assert execution.status == "failed" and error is not None and "it could never be reached" in error.message


def test_a_message_that_cannot_be_rendered_fails_the_node(executions: ExecutionService) -> None:
    message = "{% if true %}{{ pipeline.input.n / 0 }}{% endif %}"
    text = f"name: p\ninputVariables: {{n: {{default: 1}}}}\nnodes: [{{id: review, type: approval, message: '{message}'}}]"
    execution = executions.start(text).wait(60)
    error = execution.nodes["review"].error
    assert (
        execution.status == "failed" and error is not None and "the message cannot be rendered: ZeroDivisionError" in error.message
    )


def test_a_message_with_statements_is_shown_rendered(executions: ExecutionService) -> None:
    message = "{% for n in pipeline.input.n %}<{{ n }}>{% endfor %}"
    text = f"name: p\ninputVariables: {{n: {{default: [1, 2]}}}}\nnodes: [{{id: review, type: approval, message: '{message}'}}]"
    execution = asking(executions, text)
    assert executions.approvals()[0]["message"] == "<1><2>"
    assert execution.approve().wait(60).status == "completed"


@pytest.mark.trust("F34")
def test_a_decision_that_comes_when_another_has_just_ended_the_execution_is_told_so(executions: ExecutionService) -> None:
    execution = asking(executions, "name: one\nnodes: [{id: review, type: approval}]")
    codes: list[str] = []

    def decide() -> None:
        try:
            execution.approve("review")
            codes.append("ok")
        except CommandError as error:
            codes.append(error.diagnostics[0].code)

    threads = [threading.Thread(target=decide) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes.count("ok") == 1 and set(codes) <= {"ok", "YF740", "YF741", "YF702"}, codes
