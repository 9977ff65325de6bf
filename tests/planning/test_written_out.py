"""What ``yamlflow plan`` prints is a document: valid, with nothing left to default, and the same when it is planned again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.orchestration.test_cases import Case, _collect, _outcome
from tests.planning.documents import EVERYTHING, valid
from yamlflow_nb.domain.pipeline_definition import PipelineDefinition
from yamlflow_nb.executors.registry import task_types
from yamlflow_nb.language.validation import validate_text
from yamlflow_nb.planning import plan
from yamlflow_nb.planning.written_out import as_yaml
from yamlflow_nb.testing import simulate

SOUND = [case for case in _collect() if not {"invalid", "input_error"} & set(case.values[0].run["expect"])]


def written(text: str) -> str:
    return as_yaml(plan(read(text), task_types()))


def read(text: str) -> PipelineDefinition:
    definition, found = validate_text(text, task_types())
    assert definition is not None and not [one.render() for one in found if one.severity == "error"], [
        one.render() for one in found
    ] + [text]
    return definition


def node(text: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in yaml.safe_load(written(text))["nodes"] if one["id"] == name)
    return found


def test_the_written_document_is_valid_and_planned_again_the_same() -> None:
    count = 0
    for text, definition in valid():
        once = as_yaml(plan(definition, task_types()))
        assert written(once) == once, text
        count += 1
    assert count > 200


def test_nothing_that_the_document_says_is_lost() -> None:
    before, after = read(EVERYTHING), read(written(EVERYTHING))
    for name in ("version", "title", "tags", "outputs", "schedule", "concurrency", "resources", "timeout"):
        assert getattr(after, name) == getattr(before, name), name
    task = after.taskDefinitions["t"]
    assert task.inputs is not None and task.inputs["m"].default == 3 and task.outputs["q"].optional and task.description == "d: e"
    first = after.nodes[0]
    assert (first.title, first.description, first.failMessage) == ("T {{ zz.n }}", "two\nlines", "q {{ no.q }}")
    assert (first.cache, first.resources, first.tags) == ({"ttl": 3600.0}, {"slots": 1, "pool": "gpu"}, ("x",))
    assert after.inputVariables["f"].default == 1e30 and after.inputVariables["s"].default == "1e3"


def test_defaults_are_written_into_every_node_and_an_explicit_zero_or_false_beats_them() -> None:
    head = "name: p\ndefaults: {timeout: 5m, retry: {maxAttempts: 3}, always: true, priority: 2}\nnodes:\n"
    text = head + (
        "  - {id: a, type: python, code: pass}\n"
        "  - {id: b, type: python, code: pass, timeout: 0, always: false, priority: 0, retry: {delay: 1s}}\n"
    )
    a, b = node(text, "a"), node(text, "b")
    assert (a["timeout"], a["always"], a["priority"], a["retry"]["maxAttempts"]) == ("300s", True, 2, 3)
    assert (b.get("timeout"), b["always"], b["priority"], b["retry"]["maxAttempts"]) == (None, False, 0, 1)
    assert (a["onFailure"], a["cache"], a["isolation"], a["retry"]["backoff"]) == ("continue", False, "thread", "fixed")


def test_the_derived_start_is_written() -> None:
    python = "type: python, code: pass"
    text = (
        f"name: p\nnodes:\n  - {{id: a, {python}}}\n  - {{id: b, {python}}}\n"
        f'  - {{id: c, {python}, title: "{{{{ a.t }}}}", inputBindings: {{x: "{{{{ a.n }}}}", y: "{{{{ b.n | default(0) }}}}"}}}}\n'
        f'  - {{id: d, {python}, inputBindings: {{x: "{{{{ a.run.state }}}}", y: "{{{{ coalesce(a.n, peek(b.n)) }}}}"}}}}\n'
        f'  - {{id: e, {python}, inputBindings: {{x: "{{{{ a.run.state + a.s }}}}"}}, skipWhen: "{{{{ b.n > 1 }}}}"}}\n'
        f'  - {{id: f, {python}, title: "{{{{ a.n }}}}", skipWhen: event:a.completed}}\n'
    )
    starts = {one["id"]: one["startWhen"] for one in yaml.safe_load(written(text))["nodes"]}
    assert starts == {
        "a": "event:pipeline.started",
        "b": "event:pipeline.started",
        "c": "event:a.completed && event:b.passed",
        "d": "event:a.finished",
        "e": "event:a.completed && event:b.completed",
        "f": "event:pipeline.started",
    }


def test_notes_tell_of_disabled_nodes_of_those_that_start_beside_others_and_of_those_that_may_run_twice() -> None:
    text = (
        "name: p\nnodes:\n  - {id: no, type: python, code: pass}\n  - {id: b, type: sql, query: SELECT 1}\n"
        "  - {id: c, type: sql, query: DELETE FROM t}\n  - {id: d, type: approval, message: m, startWhen: event:no.completed}\n"
        "  - {id: e, type: python, code: pass, startWhen: false}\n"
    )
    notes: dict[str, list[str]] = {}
    pending: list[str] = []
    for line in written(text).splitlines():
        if line.startswith("# "):
            pending.append(line[2:].split(":")[0])
        elif line.startswith("- id: "):
            notes[line[6:].strip("'")], pending = pending, []
    beside, twice = "starts with the pipeline, beside others", "may run twice"
    assert notes == {"no": [beside, twice], "b": [beside, twice], "c": [beside], "d": [], "e": ["disabled"]}


@pytest.mark.parametrize("case", SOUND)
def test_the_written_out_pipeline_does_what_the_short_one_does(case: Case) -> None:
    text = written(case.definition)
    given: dict[str, Any] = {key: case.run[key] for key in ("inputs", "max_time") if key in case.run}
    given["outcomes"] = {name: _outcome(outcome) for name, outcome in case.run.get("outcomes", {}).items()}
    given["events"] = [(at, kind, payload[0] if payload else {}) for at, kind, *payload in case.run.get("events", [])]
    short, long = simulate(case.definition, **given), simulate(text, **given)
    assert long.events == short.events
    assert (long.status, long.reason, long.outputs) == (short.status, short.reason, short.outputs)


def test_a_plan_is_made_once_for_a_definition() -> None:
    definition = read("name: p\nnodes:\n  - {id: a, type: python, code: pass}\n")
    assert plan(definition, task_types()) is plan(definition, task_types())


def test_the_example_of_the_demo_can_be_written_out() -> None:
    path = Path(__file__).resolve().parents[2] / "examples" / "flights" / "flights.pipeline.yaml"
    text = path.read_text(encoding="utf-8")
    assert written(written(text)) == written(text)
