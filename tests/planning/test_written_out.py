"""``yamlflow plan``: the document with nothing left to default is a pipeline that does the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.orchestration.test_cases import Case, _collect, _outcome
from yamlflow_nb.executors.registry import task_types
from yamlflow_nb.language.validation import validate_text
from yamlflow_nb.planning import plan
from yamlflow_nb.planning.written_out import as_yaml, notes, written_out
from yamlflow_nb.testing import simulate, validate

SOUND = [case for case in _collect() if not {"invalid", "input_error"} & set(case.values[0].run["expect"])]


def plan_of(text: str) -> Any:
    definition, found = validate_text(text, task_types())
    assert definition is not None, [one.render() for one in found]
    return plan(definition, task_types())


def node_of(text: str, name: str) -> dict[str, Any]:
    return next(node for node in written_out(plan_of(text))["nodes"] if node["id"] == name)


@pytest.mark.parametrize("case", SOUND)
def test_the_written_out_pipeline_is_valid_and_does_what_the_short_one_does(case: Case) -> None:
    text = as_yaml(plan_of(case.definition))
    assert [one.render() for one in validate(text) if one.severity == "error"] == []
    given: dict[str, Any] = {key: case.run[key] for key in ("inputs", "max_time") if key in case.run}
    given["outcomes"] = {name: _outcome(outcome) for name, outcome in case.run.get("outcomes", {}).items()}
    given["events"] = [(at, kind, payload[0] if payload else {}) for at, kind, *payload in case.run.get("events", [])]
    short, long = simulate(case.definition, **given), simulate(text, **given)
    assert long.events == short.events
    assert (long.status, long.reason, long.outputs) == (short.status, short.reason, short.outputs)


def test_writing_out_twice_gives_the_same_text() -> None:
    text = as_yaml(plan_of("name: p\nnodes:\n  - {id: a, type: python, code: pass}\n"))
    assert as_yaml(plan_of(text)) == text


def test_a_derived_start_is_written_out() -> None:
    text = (
        "name: p\nnodes:\n  - {id: a, type: python, code: pass, outputs: {n: integer}}\n"
        '  - {id: b, type: python, code: pass, inputBindings: {n: "{{ a.n }}"}}\n'
    )
    assert node_of(text, "b")["startWhen"] == "event:a.completed"


@pytest.mark.parametrize(
    ("own", "expected"), [("", "600s"), (", timeout: 5m", "300s"), (", timeout: 0", None)], ids=["inherited", "own", "explicit 0"]
)
def test_what_a_node_says_itself_beats_the_defaults(own: str, expected: str | None) -> None:
    text = f"name: p\ndefaults: {{timeout: 10m}}\nnodes:\n  - {{id: a, type: python, code: pass{own}}}\n"
    assert node_of(text, "a").get("timeout") in ((expected,) if expected else (None, 0, "0s"))


def test_an_explicit_false_beats_the_defaults() -> None:
    text = "name: p\ndefaults: {always: true}\nnodes:\n  - {id: a, type: python, code: pass, always: false}\n"
    assert node_of(text, "a")["always"] is False


NOTED = {
    "a disabled node": ("startWhen: false", "disabled"),
    "a node that a crash may run twice": ("onInterrupt: retry", "may run twice"),
    "a finally node": ('startWhen: "event:pipeline.finishing"', "finally node"),
}


@pytest.mark.parametrize(("field", "told"), NOTED.values(), ids=NOTED)
def test_a_reader_is_told_of(field: str, told: str) -> None:
    found = notes(plan_of(f"name: p\nnodes:\n  - id: a\n    type: shell\n    command: [ls]\n    {field}\n"))
    assert any(told in note.text for note in found if note.node == "a"), found


def test_a_reader_is_told_of_nodes_that_start_together_with_the_pipeline() -> None:
    nodes = "".join(f"  - {{id: {name}, type: shell, command: [ls]}}\n" for name in "ab")
    assert {note.node for note in notes(plan_of(f"name: p\nnodes:\n{nodes}")) if "beside others" in note.text} == {"a", "b"}


def test_a_plan_is_made_once_for_a_definition() -> None:
    types = task_types()
    definition, _ = validate_text("name: p\nnodes:\n  - {id: a, type: python, code: pass}\n", types)
    assert definition is not None
    assert plan(definition, types) is plan(definition, types)


def test_the_example_of_the_demo_can_be_written_out() -> None:
    path = Path(__file__).resolve().parents[2] / "examples" / "flights" / "flights.pipeline.yaml"
    text = as_yaml(plan_of(path.read_text(encoding="utf-8")))
    assert yaml.safe_load(text)["nodes"]
    assert [one for one in validate(text) if one.severity == "error"] == []
