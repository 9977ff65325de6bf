"""Published pipelines and tasks: a version is there once and for good, and is found by its name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.test_child_executions import CHILD, PATIENCE, House
from yamlflow_nb.domain.diagnostic import DefinitionError
from yamlflow_nb.executors.registry import task_types
from yamlflow_nb.language.fixes import apply_fixes
from yamlflow_nb.services.command_error import CommandError
from yamlflow_nb.services.pipeline_service import PipelineService
from yamlflow_nb.services.task_service import TaskService

ONE = CHILD.strip().replace("name: child", 'name: score\nversion: "1.0.0"')
USES = """
name: parent
nodes: [{{id: score, type: subpipeline, pipeline: {named}, inputBindings: {{n: 5}}}}]
outputs: {{n: "{{{{ score.n }}}}"}}
"""
TASKS = """\
name: team/tasks
version: "2.0"
taskDefinitions:
  give: {type: python, code: pass, inputs: {n: {type: integer}}, outputs: {n: integer}, description: Gives it back}
nodes: [{id: one, taskDefinition: give, inputBindings: {n: 5}}]
"""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.close()


def published(house: House, version: str, text: str = ONE) -> str:
    return house.pipelines.publish(text.replace("1.0.0", version), "ann")[0].reference


# --- once and for good ---------------------------------------------------------------------------------------------------


def test_a_version_is_found_by_its_name(house: House) -> None:
    made, is_new = house.pipelines.publish(ONE, "ann")
    assert (made.reference, made.by, is_new) == ("score@1.0.0", "ann", True)
    definition = house.pipelines.get("score@1.0.0")
    assert (definition.name, definition.version, definition.content_hash) == ("score", "1.0.0", made.hash)


def test_the_head_is_written_out_and_makes_no_other_content(house: House) -> None:
    made, _ = house.pipelines.publish(ONE, "ann")
    assert made.text == f"apiVersion: yamlflow/v1\n{ONE}"
    assert house.pipelines.publish(made.text, "bob") == (made, False)


@pytest.mark.parametrize("text", ['{name: score, version: "1", nodes: [{id: a, type: python, code: pass}]}', f"---\n{ONE}"])
def test_a_head_that_no_line_can_carry_is_left_as_it_is(house: House, text: str) -> None:
    assert house.pipelines.publish(text, "ann")[0].text == text


def test_the_same_content_under_its_version_changes_nothing(house: House) -> None:
    first, _ = house.pipelines.publish(ONE, "ann")
    again = house.pipelines.publish(ONE.replace("nodes:", "# the nodes\nnodes:"), "bob")
    assert again == (first, False)


def test_other_content_under_a_used_version_is_refused_with_the_next_one(house: House) -> None:
    published(house, "1.0.9")
    with pytest.raises(CommandError, match=r'(?s)YF751.*score@1\.0\.9 was published with other content.*version: "1.0.10"'):
        published(house, "1.0.9", ONE.replace("code: pass", "code: 'x = 1'"))


def test_without_a_version_the_error_brings_the_edit(house: House) -> None:
    published(house, "1.0.0")
    text = ONE.replace('version: "1.0.0"\n', "")
    with pytest.raises(DefinitionError, match="YF750") as caught:
        house.pipelines.publish(text, "ann")
    mended = apply_fixes(text, caught.value.diagnostics)
    assert mended.splitlines()[:2] == ["name: score", 'version: "1.0.1"']
    assert house.pipelines.publish(mended, "ann")[0].reference == "score@1.0.1"


def test_what_is_wrong_is_not_published(house: House) -> None:
    with pytest.raises(DefinitionError, match="YF131"):
        published(house, "1.0.0", ONE.replace("type: python", "type: pyton"))
    assert house.pipelines.newest() == []


def test_the_newest_is_the_one_that_was_published_last(house: House) -> None:
    for version in ("1.0.0", "2.0.0", "1.0.1"):
        published(house, version)
    published(house, "7", ONE.replace("name: score", "name: team/score"))
    assert [one.reference for one in house.pipelines.newest()] == ["score@1.0.1", "team/score@7"]
    assert [one.version for one in house.pipelines.versions("score")] == ["1.0.1", "2.0.0", "1.0.0"]
    assert house.pipelines.get("score").version == "1.0.1"


def test_an_unknown_version_names_those_that_there_are(house: House) -> None:
    published(house, "1.0.0")
    for reference in ("score@9", "scor@1.0.0"):
        with pytest.raises(CommandError, match=r"(?s)YF752.*published: score@1\.0\.0"):
            house.pipelines.get(reference)


# --- run -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", ["score@1.0.0", "score"])
def test_a_published_pipeline_is_started_by_its_name(house: House, named: str) -> None:
    published(house, "1.0.0")
    execution = house.service.start(named, {"n": 4}).wait(PATIENCE)
    assert (execution.status, execution.outputs) == ("completed", {"n": 4})
    assert (house.service.list()[0].version, house.service.list()[0].source_name) == ("1.0.0", "score@1.0.0")


def test_a_file_of_that_name_comes_first(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    published(house, "1.0.0")
    monkeypatch.chdir(house.folder)
    Path("score").write_text(ONE.replace("1.0.0", "of the file"))
    assert house.service.start("score").wait(PATIENCE)._run.record.version == "of the file"


@pytest.mark.parametrize("named", ["score@1.0.0", "score", "default/score@1.0.0"])
def test_a_published_pipeline_is_a_node(house: House, named: str) -> None:
    published(house, "1.0.0")
    execution = house.service.start(USES.format(named=named)).wait(PATIENCE)
    assert (execution.status, execution.outputs) == ("completed", {"n": 5})


def test_a_name_without_a_version_is_settled_at_the_parents_start(tmp_path: Path) -> None:
    house = House(tmp_path)
    published(house, "1.0.0")
    text = (
        "name: parent\nnodes:\n  - {id: one, type: python, code: pass, startWhen: 'event:custom.go', inputBindings: {n: 1}}\n"
        "  - {id: score, type: subpipeline, pipeline: score, startWhen: 'event:one.completed'}\n"
    )
    name = house.service.start(text).wait(PATIENCE, or_waiting=True).id
    published(house, "2.0.0")
    house.loop.close()
    execution = house.beside().service.resume(name).send_event("go").wait(PATIENCE)
    assert [child.version for child in execution.children] == ["1.0.0"]
    house.close()


def test_inputs_of_a_published_child_are_checked_before_anything_runs(house: House) -> None:
    published(house, "1.0.0")
    with pytest.raises(DefinitionError, match=r"YF323.*has no input `m`"):
        house.service.start(USES.format(named="score@1.0.0").replace("{n: 5}", "{m: 5}"))
    with pytest.raises(DefinitionError, match=r"YF323.*no pipeline `score@2` was published; there are score@1\.0\.0"):
        house.service.start(USES.format(named="score@2"))


@pytest.mark.trust("B36")
def test_published_pipelines_in_a_circle_are_found_and_printed(house: House) -> None:
    published(house, "1.0.0")
    other = 'name: other\nversion: "1"\nnodes: [{id: a, type: subpipeline, pipeline: score}]'
    house.pipelines.publish(other, "ann")
    back = 'name: score\nversion: "2"\nnodes: [{id: a, type: subpipeline, pipeline: other}]'
    house.pipelines.publish(back, "ann")
    with pytest.raises(DefinitionError, match="pipelines contain each other: other@1 -> score -> other"):
        house.service.start("other")


# --- tasks ---------------------------------------------------------------------------------------------------------------


def test_a_published_task_is_used_by_any_pipeline_of_the_store(house: House) -> None:
    tasks = TaskService(task_types(), frozenset(), house.pipelines)
    made, is_new = tasks.publish(TASKS, "give", "ann")
    assert (made.reference, is_new) == ("team/give@2.0", True)
    assert [one.reference for one in tasks.newest()] == ["team/give@2.0"]
    assert tasks.get("team/give").description == "Gives it back"
    text = 'name: p\nnodes: [{id: one, taskDefinition: team/give@2.0, inputBindings: {n: 5}}]\noutputs: {n: "{{ one.n }}"}'
    assert house.service.start(text).wait(PATIENCE).outputs == {"n": 5}
    with pytest.raises(DefinitionError, match=r"YF317.*has no input `m`"):
        house.service.start(text.replace("{n: 5}", "{m: 5}"))
    with pytest.raises(DefinitionError, match=r"(?s)YF141.*published: team/give@2\.0"):
        house.service.start(text.replace("@2.0", "@3.0"))


def test_a_task_without_a_version_is_settled_at_the_start(house: House) -> None:
    tasks = TaskService(task_types(), frozenset(), house.pipelines)
    text = "name: tasks\nversion: '1'\ntaskDefinitions: {give: {type: python, code: pass, outputs: {n: integer}}}\n"
    text += "nodes: [{id: one, taskDefinition: give}]"
    tasks.publish(text, "give", "ann")
    uses = "name: p\nnodes: [{id: one, taskDefinition: give, startWhen: 'event:custom.go'}]"
    name = house.service.start(uses).wait(PATIENCE, or_waiting=True).id
    tasks.publish(text.replace("'1'", "'2'").replace("type: python, code: pass", "type: shell, command: [ls]"), "give", "ann")
    house.loop.close()
    execution = house.beside().service.resume(name)
    assert execution.send_event("go").wait(PATIENCE).status == "completed"
    assert execution._run.plan.nodes[0].type == "python"


def test_a_task_that_reads_its_own_pipeline_is_not_published(house: House) -> None:
    text = "name: tasks\nversion: '1'\ntaskDefinitions: {say: {type: shell, command: ['echo', '{{ one.n }}']}}\n"
    text += "nodes: [{id: one, type: python, code: pass, outputs: {n: integer}}, {id: two, taskDefinition: say}]"
    tasks = TaskService(task_types(), frozenset(), house.pipelines)
    with pytest.raises(CommandError, match=r"YF753.*reads names of this pipeline"):
        tasks.publish(text, "say", "ann")
    with pytest.raises(CommandError, match=r"(?s)YF753.*defines no task `sya`.*its tasks: say"):
        tasks.publish(text, "sya", "ann")


def test_without_a_store_nothing_is_known_of_what_was_published() -> None:
    service = PipelineService(task_types())
    assert service.newest() == []
    with pytest.raises(CommandError, match="YF711"):
        service.publish(ONE, "ann")
