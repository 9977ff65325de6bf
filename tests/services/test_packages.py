"""Packages that were upgraded or are gone since an execution was started: told, and no reason to lose it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.loop.making import Does
from tests.loop.memory import KeptNowhere
from tests.services.test_child_executions import PATIENCE, until
from yamlflow_nb.domain.task_definition import TaskFields, TaskType
from yamlflow_nb.domain.work import Work
from yamlflow_nb.executors.registry import task_types
from yamlflow_nb.infrastructure.store.sqlite_repository import SQLiteRepository
from yamlflow_nb.infrastructure.system_clock import SystemClock
from yamlflow_nb.loop.kernel_loop import KernelLoop
from yamlflow_nb.services import packages
from yamlflow_nb.services.execution_service import ExecutionService
from yamlflow_nb.services.pipeline_service import PipelineService

TEXT = """
name: greeting
nodes:
  - {id: first, type: python, code: pass, outputs: {who: string}}
  - {id: hold, type: python, code: pass, startWhen: "event:first.completed && event:custom.go"}
  - {id: greet, type: greet, whom: "{{ first.who }}", startWhen: "event:hold.completed", outputs: {text: string}}
outputs: {text: "{{ greet.text }}"}
"""


class GreetFields(TaskFields):
    whom: str


class Greets:
    """An executor of another package."""

    api = 1
    task_type = TaskType(name="greet", fields=GreetFields, on_interrupt="retry", package="yamlflow-greet")

    def execute(self, work: Work) -> Mapping[str, Any]:
        return {"text": f"Hello, {work.fields['whom']}"}


class House:
    """A process on a store, with the package or without it."""

    def __init__(self, folder: Path, has_it: bool = True) -> None:
        repository = SQLiteRepository(folder / "store.db")
        executors: dict[str, Any] = {"python": Does(first=lambda work: {"who": "Ann"})}
        types = dict(task_types())
        if has_it:
            executors["greet"], types["greet"] = Greets(), Greets.task_type
        loop = KernelLoop(repository, executors, KeptNowhere(), SystemClock(), runs_folder=folder / "runs")
        self.service = ExecutionService(loop, repository, KeptNowhere(), PipelineService(types, lambda: repository))


@pytest.fixture
def left(tmp_path: Path) -> Iterator[str]:
    """An execution that waits; its process has ended."""
    house = House(tmp_path)
    name = house.service.start(TEXT).wait(PATIENCE, or_waiting=True).id
    house.service.close()
    yield name


@pytest.mark.trust("F70")
def test_a_type_that_is_not_installed_any_more_fails_its_node_by_name_and_the_run_goes_on_later(tmp_path: Path, left: str) -> None:
    without = House(tmp_path, has_it=False)
    execution = without.service.resume(left).send_event("go").wait(PATIENCE)
    assert (execution.status, execution.nodes["first"].state, execution.nodes["greet"].state) == ("failed", "completed", "failed")
    error = execution.nodes["greet"].error
    assert error is not None and "the task type `greet` is not installed any more: pip install yamlflow-greet" in error.message
    without.service.close()
    again = House(tmp_path)
    assert again.service.retry(left).wait(PATIENCE).outputs == {"text": "Hello, Ann"}
    again.service.close()


@pytest.mark.trust("F70")
def test_it_can_be_looked_at_without_the_package(tmp_path: Path, left: str) -> None:
    without = House(tmp_path, has_it=False)
    seen = without.service.get(left)
    assert (seen.status, seen.nodes["first"].state, seen.nodes["greet"].state) == ("interrupted", "completed", "pending")
    assert "event:hold.completed" in seen.why("greet")
    without.service.close()


@pytest.mark.trust("F70")
def test_versions_are_recorded_and_a_change_is_shown(tmp_path: Path, left: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = packages._version("yamlflow_nb")
    monkeypatch.setattr(packages, "_version", lambda name: "99.1" if name == "yamlflow_nb" else None)
    other = House(tmp_path)
    execution = other.service.resume(left)
    until(lambda: execution.status == "waiting")
    assert execution.snapshot()["packages"]["yamlflow_nb"] == before
    assert f"since it was started: yamlflow_nb {before} → 99.1" in str(execution)
    other.service.close()
