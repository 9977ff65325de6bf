"""What ``simulate``, ``validate`` and ``apply_fixes`` take and give, beside what the cases tell."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from yamlflow_nb import DefinitionError, InputError
from yamlflow_nb.executors.registry import task_types
from yamlflow_nb.language.validation import validate_text
from yamlflow_nb.testing import apply_fixes, simulate, validate

TWO = """\
name: two
nodes:
  - {id: a, type: python, code: pass, outputs: {n: integer}}
  - {id: b, type: python, code: pass, startWhen: "event:a.completed"}
"""
EACH = """\
name: each
nodes:
  - {id: each, type: python, code: pass, forEach: "{{ [10, 20, 30] }}", retry: {maxAttempts: 2}, outputs: {n: any}}
"""


def test_a_definition_may_be_text() -> None:
    assert simulate(TWO).status == "completed"


def test_a_definition_may_be_a_path(tmp_path: Path) -> None:
    path = tmp_path / "two.pipeline.yaml"
    path.write_text(TWO)
    assert simulate(path).status == "completed"
    assert simulate(str(path)).status == "completed"


def test_a_definition_may_be_a_pipeline_definition() -> None:
    definition, _ = validate_text(TWO, task_types())
    assert definition is not None
    assert simulate(definition, outcomes={"a": {"state": "failed"}}).nodes["b"].reason == "blocked"


def test_a_path_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises((DefinitionError, FileNotFoundError), match=r"missing\.pipeline\.yaml"):
        simulate(tmp_path / "missing.pipeline.yaml")


def test_an_outcome_of_for_each_may_be_a_function_of_item_index_and_attempt() -> None:
    asked: list[tuple[Any, int, int]] = []

    def outcome(item: Any, index: int, attempt: int) -> dict[str, Any]:
        asked.append((item, index, attempt))
        return {"state": "failed"} if index == 1 and attempt == 1 else {"outputs": {"n": item + index}}

    simulation = simulate(EACH, outcomes={"each": outcome})
    assert simulation.nodes["each"].outputs == {"n": [10, 21, 32]}
    assert sorted(asked) == [(10, 0, 1), (20, 1, 1), (20, 1, 2), (30, 2, 1)]


def test_events_are_triples_of_seconds_type_and_payload() -> None:
    simulation = simulate(TWO, outcomes={"a": {"duration": 3}}, events=[(1, "custom.note", {"text": "hi"})])
    assert (1, "custom.note") in [(at, kind) for at, kind, _ in simulation.events]
    assert all(len(event) == 3 and isinstance(event[2], dict) for event in simulation.events)
    assert simulation.events[0][:2] == (0, "pipeline.started")


def test_why_speaks_of_every_node() -> None:
    simulation = simulate(TWO, outcomes={"a": {"state": "failed"}})
    assert "a.completed" in str(simulation.why("b"))
    assert simulation.why("a")


def test_simulating_leaves_what_it_was_given_alone() -> None:
    outcomes = {"a": [{"state": "failed", "outputs": {"n": 1}}, {"outputs": {"n": 2}}]}
    events = [(1, "custom.note", {"list": [1]})]
    before = repr((outcomes, events))
    simulate(TWO, outcomes=outcomes, events=events)
    assert repr((outcomes, events)) == before


def test_a_definition_that_cannot_run_raises_with_its_diagnostics() -> None:
    with pytest.raises(DefinitionError) as caught:
        simulate(TWO.replace("event:a.completed", "event:aa.completed"))
    (diagnostic,) = [item for item in caught.value.diagnostics if item.severity == "error"]
    assert (diagnostic.line, diagnostic.column, diagnostic.end_line, diagnostic.end_column) == (4, 57, 4, 59)
    assert diagnostic.code.startswith("YF") and diagnostic.fix is not None
    for key in ("code", "severity", "message", "line", "column", "end_line", "end_column", "hint", "fix"):
        assert hasattr(diagnostic, key)


def test_an_input_that_is_wrong_raises_with_its_diagnostics() -> None:
    text = TWO.replace("nodes:", "inputVariables: {month: {type: integer}}\nnodes:")
    for inputs in ({}, {"month": "x"}, {"month": 1, "year": 2}):
        with pytest.raises(InputError) as caught:
            simulate(text, inputs)
        assert caught.value.diagnostics
        assert all(diagnostic.severity == "error" for diagnostic in caught.value.diagnostics)


def test_validate_gives_the_same_diagnostics_without_raising() -> None:
    broken = TWO.replace("event:a.completed", "event:aa.completed")
    with pytest.raises(DefinitionError) as caught:
        simulate(broken)
    assert [item.to_dict() | {"file": None} for item in validate(broken)] == [
        item.to_dict() | {"file": None} for item in caught.value.diagnostics
    ]
    assert not [item for item in validate(TWO) if item.severity == "error"]


def test_applying_the_fixes_mends_the_text() -> None:
    broken = TWO.replace("event:a.completed", "event:aa.completed")
    assert apply_fixes(broken, validate(broken)) == TWO
    assert apply_fixes(TWO, []) == TWO


@pytest.mark.parametrize(
    ("written", "column"),
    [
        ("startWhen: event:aa.completed", 22),
        ("startWhen: 'event:aa.completed'", 23),
        ('startWhen: "event:aa.completed"', 23),
        ("startWhen: |\n      event:a.started &&\n      event:aa.completed", 13),
        ("startWhen: >-\n      event:a.started &&\n      event:aa.completed", 13),
        ('startWhen: "\\u0065vent:aa.completed"', 28),
    ],
)
def test_the_place_is_the_very_token_in_any_way_of_quoting(written: str, column: int) -> None:
    text = f"name: t\nnodes:\n  - {{id: a, type: python, code: pass}}\n  - id: b\n    type: python\n    code: pass\n    {written}\n"
    (diagnostic,) = [item for item in validate(text) if item.severity == "error"]
    line = text.splitlines()[diagnostic.line - 1]
    assert line[diagnostic.column - 1 : diagnostic.end_column - 1] == "aa"
    assert diagnostic.column == column
    assert not [item for item in validate(apply_fixes(text, [diagnostic])) if item.severity == "error"]


@pytest.mark.parametrize(
    "text", ["", "\x00", "a: b: c", "- 1", "nodes: 3", "{", "name: t\nnodes: []", "\ufeff", "name: [", "&a *a", "%"]
)
def test_validate_never_raises(text: str) -> None:
    assert [item for item in validate(text) if item.severity == "error"]


def test_a_simulation_tells_times_in_virtual_seconds() -> None:
    node = simulate(TWO, outcomes={"a": {"duration": 86400 * 365}}).nodes["a"]
    assert (node.started_at, node.finished_at) == (0, 86400 * 365)


def test_a_simulated_node_is_a_record() -> None:
    node = simulate(TWO).nodes["a"]
    names = {field.name for field in dataclasses.fields(node)}
    assert {"state", "reason", "attempts", "started_at", "finished_at", "outputs", "error"} <= names
    assert node.error is None and node.reason is None
