"""Publishing from a terminal, running what was published, and children in lists and trees."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Said
from yamlflow_nb.bootstrap import services

SCORE = """\
name: score
version: "1.0.0"
inputVariables: {n: {type: integer, default: 1}}
taskDefinitions:
  double: {type: python, code: "y = x * 2", inputs: {x: {type: integer}}, outputs: {y: integer}, description: Doubles it}
nodes: [{id: one, taskDefinition: double, inputBindings: {x: "{{ pipeline.input.n }}"}}]
outputs: {n: "{{ one.y }}"}
"""
PARENT = """\
name: parent
nodes: [{id: score, type: subpipeline, pipeline: score@1.0.0, inputBindings: {n: 4}}]
outputs: {n: "{{ score.n }}"}
"""
GATE = "name: gate\nnodes: [{id: a, type: python, code: pass, startWhen: 'event:custom.go'}]\n"


@pytest.fixture
def here(place: Path) -> Path:
    for name, text in (("score", SCORE), ("parent", PARENT), ("gate", GATE)):
        (place / f"{name}.yaml").write_text(text, encoding="utf-8")
    return place


def test_a_pipeline_is_published_listed_and_run(here: Path, said: Said) -> None:
    code, out, _ = said("publish", "score.yaml")
    assert code == 0 and out.startswith("published score@1.0.0  ")
    assert said("publish", "score.yaml")[1].startswith("already published: score@1.0.0  ")
    assert "score@1.0.0" in said("list", "--pipelines")[1]
    code, out, _ = said("run", "score@1.0.0", "-i", "n=3")
    assert code == 0 and "outputs: n = 6" in out
    assert "name: default/score" in said("plan", "score")[1]


def test_what_was_published_is_told_as_json(here: Path, said: Said) -> None:
    told = json.loads(said("publish", "score.yaml", "--json")[1])
    assert (told["reference"], told["kind"]) == ("score@1.0.0", "pipeline") and "text" not in told
    assert json.loads(said("list", "--pipelines", "--json")[1]) == [told]


def test_a_version_that_is_missing_is_written_where_somebody_asks_for_it(here: Path, said: Said) -> None:
    said("publish", "score.yaml")
    code, _, err = said("publish", "parent.yaml")
    assert code == 2 and "YF750" in err and "yamlflow publish --fix" in err
    code, out, err = said("publish", "parent.yaml", "--fix")
    assert code == 0 and "mended parent.yaml" in err and "published parent@1.0.0" in out
    assert (here / "parent.yaml").read_text().splitlines()[:2] == ["name: parent", 'version: "1.0.0"']


def test_other_content_under_a_used_version_is_refused(here: Path, said: Said) -> None:
    said("publish", "score.yaml")
    (here / "score.yaml").write_text(SCORE.replace("x * 2", "x * 3"))
    code, _, err = said("publish", "score.yaml")
    assert code == 2 and "YF751" in err and 'version: "1.0.1"' in err


def test_a_name_that_was_not_published_is_told(here: Path, said: Said) -> None:
    said("publish", "score.yaml")
    code, _, err = said("run", "scor@1.0.0")
    assert code == 2 and "YF752" in err and "published: score@1.0.0" in err


def test_a_task_is_published_and_listed_with_the_types(here: Path, said: Said) -> None:
    assert said("publish", "score.yaml", "--task", "double")[1].startswith("published double@1.0.0  ")
    out = said("tasks")[1]
    assert "double@1.0.0 Doubles it" in out and "subpipeline  Runs another pipeline" in out
    assert json.loads(said("tasks", "--json")[1])["double@1.0.0"]["kind"] == "task"
    (here / "uses.yaml").write_text("name: uses\nnodes: [{id: a, taskDefinition: double, inputBindings: {x: 2}}]\n")
    assert said("validate", "uses.yaml")[0] == 0
    assert said("run", "uses.yaml", "-q")[0] == 0


def test_validate_knows_what_was_published(here: Path, said: Said) -> None:
    said("publish", "score.yaml")
    assert said("validate", "parent.yaml")[0] == 0
    (here / "parent.yaml").write_text(PARENT.replace("{n: 4}", "{m: 4}"))
    code, out, _ = said("validate", "parent.yaml")
    assert code == 2 and "YF323" in out and "has no input `m`" in out


def test_a_child_stands_below_its_parent_in_the_list_and_in_the_tree(here: Path, said: Said) -> None:
    said("publish", "score.yaml")
    code, out, _ = said("run", "parent.yaml")
    assert code == 0 and "outputs: n = 8" in out
    lines = said("list")[1].splitlines()
    assert len(lines) == 2 and lines[1].startswith(f"  └─ score: {lines[0].split()[0]}-") and "completed" in lines[1]
    child = lines[1].split()[2]
    assert child in said("show")[1] and "score 1.0.0: completed" in said("show", child)[1]
    records = json.loads(said("list", "--json")[1])
    assert [record["parent_node"] for record in records] == [None, "score"]


def test_a_child_that_waits_is_told_how_it_goes_on(here: Path, said: Said) -> None:
    (here / "outer.yaml").write_text("name: outer\nnodes: [{id: inner, type: subpipeline, pipeline: gate.yaml}]\n")
    code, out, err = said("run", "outer.yaml")
    assert code == 3 and "outer: waiting, waiting for inner" in out
    child = said("list")[1].splitlines()[1].split()[2]
    assert f"`yamlflow event send go {child}` lets it go on" in err
    assert said("event", "send", "go")[2] == ""
    assert services().executions.get().wait(30).status == "completed"
