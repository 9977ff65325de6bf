"""Executions as a person holds them: started, looked at, told things, found again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.loop.making import Does
from tests.loop.memory import KeptInMemory, KeptNowhere
from yamlflow_nb import DefinitionError, ExecutionFailed, InputError
from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.executors.registry import task_types
from yamlflow_nb.loop.kernel_loop import KernelLoop
from yamlflow_nb.services.command_error import CommandError
from yamlflow_nb.services.execution_service import ExecutionService
from yamlflow_nb.services.pipeline_service import PipelineService
from yamlflow_nb.testing.scripted import ManualClock

TEXT = """\
name: double
version: "1.0"
inputVariables: {n: {type: integer}}
nodes:
  - id: a
    type: python
    code: pass
    title: "Twice {{ pipeline.input.n }}"
    inputBindings: {n: "{{ pipeline.input.n }}"}
    outputs: {twice: integer}
  - {id: b, type: python, code: pass, startWhen: "event:a.completed && {{ a.twice > 100 }}"}
outputs: {twice: "{{ a.twice }}"}
"""
HOLD = "name: hold\nnodes: [{id: a, type: wait, event: custom.go}]"


class House:
    """Services on a store in memory; a second process on the same store is made by ``beside``."""

    def __init__(self, folder: Path, repository: KeptInMemory, **doing: Any) -> None:
        self.repository = repository
        self.folder = folder
        self.does = Does(**{"a": lambda work: {"twice": work.inputs["n"] * 2}, **doing})
        artifacts = KeptNowhere()
        self.loop = KernelLoop(
            repository, {"python": self.does}, artifacts, ManualClock(1_700_000_000.0), runs_folder=folder, bell=repository.bell
        )
        self.service = ExecutionService(self.loop, repository, artifacts, PipelineService(task_types()))

    def beside(self) -> House:
        return House(self.folder, self.repository)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path, KeptInMemory())
    yield made
    made.service.close()


def test_start_and_wait_give_the_outputs(house: House) -> None:
    execution = house.service.start(TEXT, {"n": 4}, wait=True)
    assert (execution.status, execution.reason, execution.outputs) == ("completed", None, {"twice": 8})
    assert execution.nodes["a"].outputs == {"twice": 8}
    assert (execution.nodes["b"].state, execution.nodes["b"].reason) == ("skipped", "unsatisfied")
    assert execution.variables["pipeline.input.n"] == 4 and execution.variables["a.twice"] == 8


def test_an_input_that_does_not_fit_raises_before_anything_is_stored(house: House) -> None:
    with pytest.raises(InputError, match="YF432"):
        house.service.start(TEXT, {"n": "four"})
    assert house.service.list() == []


def test_a_definition_that_is_wrong_raises_before_anything_is_stored(house: House) -> None:
    with pytest.raises(DefinitionError):
        house.service.start("name: wrong\nnodes: [{id: a, typ: python}]")
    assert house.service.list() == []


def test_a_path_that_is_not_there_is_an_error_that_names_it(house: House) -> None:
    with pytest.raises(DefinitionError, match=r"YF705: missing\.pipeline\.yaml"):
        house.service.start("missing.pipeline.yaml")


def test_the_record_holds_the_definition_and_where_it_came_from(house: House) -> None:
    (house.folder / "yamlflow.toml").write_text("")
    (house.folder / "flows").mkdir()
    path = house.folder / "flows" / "double.pipeline.yaml"
    path.write_text(TEXT)
    execution = house.service.start(path, {"n": 1}, wait=True)
    (record,) = house.service.list()
    assert (record.id, record.definition, record.source_name) == (execution.id, TEXT, str(path))
    assert (record.folder, record.project) == (str(path.parent), str(house.folder))
    assert (record.pipeline, record.version, record.status) == ("double", "1.0", "completed")


def test_raise_if_failed_names_node_and_error(tmp_path: Path) -> None:
    def fail(work: Work) -> dict[str, Any]:
        raise TaskFailed("ValueError", "no such month")

    house = House(tmp_path, KeptInMemory(), a=fail)
    execution = house.service.start(TEXT, {"n": 1}, wait=True)
    with pytest.raises(ExecutionFailed, match="`a` failed: no such month"):
        execution.raise_if_failed()
    house.service.close()


def test_an_execution_can_be_awaited(house: House) -> None:
    async def run() -> str:
        execution = await house.service.start(TEXT, {"n": 1})
        return execution.status

    assert asyncio.run(run()) == "completed"


def test_wait_gives_up_after_its_timeout(house: House) -> None:
    assert house.service.start(HOLD).wait(0.01).status == "waiting"


def test_wait_or_waiting_returns_when_only_people_can_move_it(house: House) -> None:
    execution = house.service.start(HOLD).wait(10, or_waiting=True)
    assert (execution.status, execution.waiting_for) == ("waiting", ["custom.go"])


def test_an_event_moves_what_waits_for_it(house: House) -> None:
    execution = house.service.start(HOLD)
    assert execution.send_event("custom.go", {"n": 2}).wait(10).nodes["a"].outputs == {"n": 2}


def test_an_event_with_a_name_that_cannot_be_is_refused(house: House) -> None:
    with pytest.raises(CommandError, match="YF709"):
        house.service.start(HOLD).send_event("Go!")


def test_cancel_ends_an_execution(house: House) -> None:
    execution = house.service.start(HOLD)
    assert house.service.cancel(execution.id).wait(10).status == "cancelled"


def test_pause_and_resume(house: House) -> None:
    execution = house.service.start(HOLD)
    execution.pause()
    assert house.loop.settle(10) and execution.status == "paused"
    execution.resume()
    assert house.loop.settle(10) and execution.status == "waiting"


def test_a_command_to_an_ended_execution_is_refused(house: House) -> None:
    execution = house.service.start(TEXT, {"n": 1}, wait=True)
    with pytest.raises(CommandError, match="YF702"):
        execution.cancel()


def test_get_takes_a_beginning_of_an_id(house: House) -> None:
    execution = house.service.start(TEXT, {"n": 1}, wait=True)
    assert house.service.get(execution.id[:-2]).id == execution.id


def test_get_refuses_a_beginning_that_several_have(house: House) -> None:
    first, second = (house.service.start(TEXT, {"n": 1}, wait=True) for _ in range(2))
    with pytest.raises(CommandError, match="several executions"):
        house.service.get(first.id[:15])
    assert first.id != second.id


def test_get_of_an_unknown_id_is_an_error(house: House) -> None:
    with pytest.raises(CommandError, match="YF701"):
        house.service.get("nothing")


def test_an_ended_execution_is_read_back_by_another_process(house: House) -> None:
    execution = house.service.start(TEXT, {"n": 4}, wait=True)
    other = house.beside()
    found = other.service.get(execution.id)
    assert (found.status, found.outputs, found.events) == (execution.status, execution.outputs, execution.events)
    assert found.why("b") == execution.why("b") and found.wait(1) is found
    assert found.snapshot() == execution.snapshot()
    other.loop.close()


def test_an_execution_of_another_process_is_seen_moving_and_takes_commands(house: House) -> None:
    execution = house.service.start(HOLD).wait(10, or_waiting=True)
    other = house.beside()
    found = other.service.get(execution.id)
    assert found.status == "waiting"
    assert found.pause(by="ada").status == "paused"
    assert found.resume(by="ada").status == "waiting"
    found.send_event("go", {"n": 3})
    assert found.wait(10).status == "completed" and execution.wait(10).nodes["a"].outputs == {"n": 3}
    assert [event.payload for event in execution.events if event.type.startswith("pipeline.paused")] == [{"by": "ada"}]
    with pytest.raises(CommandError, match="YF702"):
        found.cancel()
    other.loop.close()


def test_why_of_an_unknown_node_names_the_nodes(house: House) -> None:
    execution = house.service.start(TEXT, {"n": 1}, wait=True)
    with pytest.raises(CommandError, match="nodes: a, b"):
        execution.why("c")
    assert "a.twice > 100" in house.service.why(execution.id, "b")


def test_a_snapshot_is_plain_data_with_what_views_draw(house: House) -> None:
    import json

    shown = house.service.start(TEXT, {"n": 4}, wait=True).snapshot()
    json.dumps(shown)
    first = shown["nodes"][0]
    assert (shown["status"], shown["outputs"]) == ("completed", {"twice": "8"})
    assert (first["id"], first["title"], first["state"], first["outputs"]) == ("a", "Twice 4", "completed", {"twice": "8"})


def test_a_snapshot_of_a_failure_says_code_type_and_message(tmp_path: Path) -> None:
    def fail(work: Work) -> dict[str, Any]:
        raise TaskFailed("ValueError", "no such month")

    house = House(tmp_path, KeptInMemory(), a=fail)
    shown = house.service.start(TEXT, {"n": 1}, wait=True).snapshot()
    assert shown["nodes"][0]["error"] == {"code": "YF410", "type": "ValueError", "message": "no such month", "hint": None}
    house.service.close()


def test_changes_can_be_waited_for(tmp_path: Path) -> None:
    held = threading.Event()
    house = House(tmp_path, KeptInMemory(), a=lambda work: {"twice": int(held.wait(10))})
    execution = house.service.start(TEXT, {"n": 1})
    seen = execution.version
    assert execution.wait_for_change(seen, 0.01) == seen
    held.set()
    assert execution.wait_for_change(seen, 10) > seen
    execution.wait(10)
    house.service.close()
