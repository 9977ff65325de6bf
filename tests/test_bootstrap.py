"""The parts put together: real executors, a store on disk, the public verbs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import yamlflow_nb as yf
from yamlflow_nb.bootstrap import services

TEXT = """\
name: squares
inputVariables: {n: {type: integer, default: 3}}
nodes:
  - {id: a, type: python, code: "square = n * n", inputBindings: {n: "{{ pipeline.input.n }}"}, outputs: {square: integer}}
  - {id: b, type: python, code: "more = square + 1", inputBindings: {square: "{{ a.square }}"}, outputs: {more: integer}}
outputs: {more: "{{ b.more }}"}
"""


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "state" / "store.db"
    monkeypatch.setenv("YAMLFLOW_STORE", str(path))
    return path


def test_run_gives_the_outputs() -> None:
    assert yf.run(TEXT, {"n": 4}).outputs == {"more": 17}


def test_run_raises_with_the_failing_nodes_error() -> None:
    with pytest.raises(yf.ExecutionFailed, match=r"`a` failed: .*division"):
        yf.run(TEXT.replace("n * n", "n // 0"))


def test_what_ran_is_listed_and_found_again() -> None:
    execution = yf.run(TEXT)
    assert [record.id for record in yf.list_executions()] == [execution.id]
    assert yf.get_execution(execution.id).outputs == {"more": 10}
    assert yf.get_execution().id == execution.id


def test_a_store_has_one_set_of_services_in_a_process(store: Path, tmp_path: Path) -> None:
    assert services() is services(str(store))
    assert services(str(tmp_path / "other.db")) is not services()


@pytest.mark.trust("B39")
def test_the_store_is_its_owners_alone(store: Path) -> None:
    yf.run(TEXT)
    assert (store.stat().st_mode & 0o777, store.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_another_process_reads_what_this_one_ran(store: Path) -> None:
    execution = yf.run(TEXT)
    code = f"import yamlflow_nb as yf; found = yf.get_execution({execution.id!r}); print(found.status, found.outputs['more'])"
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert outcome.stdout.split() == ["completed", "10"], outcome.stderr


_FORKS = """
import os, sys
import yamlflow_nb as yf
text = "name: one\\nnodes: [{id: a, type: python, code: x = 1, outputs: {x: integer}}]"
first = yf.start("name: hold\\nnodes: [{id: a, type: wait, event: custom.go}]")
child = os.fork()
if child == 0:
    done = yf.run(text)
    seen = yf.get_execution(first.id)
    print("child", done.status, seen.status, flush=True)
    seen.send_event("go", by="child")
    sys.exit(0)
first.wait(30)
print("parent", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), first.status, yf.run(text).status, flush=True)
"""


@pytest.mark.trust("F64")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_opens_the_store_for_itself() -> None:
    outcome = subprocess.run([sys.executable, "-W", "ignore", "-c", _FORKS], capture_output=True, text=True, timeout=60)
    assert sorted(outcome.stdout.splitlines()) == ["child completed waiting", "parent 0 completed completed"], outcome.stderr
