"""Runs the documents in ``cases/``: the language, sentence by sentence, as pipelines that can be simulated.

A case is a heading (``##``), prose that states one rule, a fenced ``yaml`` block with a pipeline, and one or more fenced
``run`` blocks. A ``run`` block is YAML:

- ``inputs``, ``outcomes``, ``events``, ``max_time``: as ``simulate`` takes them. ``outcomes: {x: {items: [...]}}`` gives each
  item of a ``forEach`` its outcome, or a list of one an attempt.
- ``reversed: true``: the same must come when the nodes stand in the opposite order.
- ``letters`` and ``table``: ``EXPRESSION`` in the pipeline is replaced by each expression of the table, with the letters
  written out; the table says the value that node ``x`` finds: true, false, unknown or error.
- ``expect``: what must come (see ``_check``; ``error_place`` of a node is line, column and end column); ``invalid``,
  ``warning``, ``valid`` speak of ``validate``, ``input_error`` of the inputs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from yamlflow_nb import DefinitionError, InputError
from yamlflow_nb.testing import apply_fixes, simulate, validate

CASES = Path(__file__).parent / "cases"
_HEADING = re.compile(r"^## (?P<title>.+)$")
_FENCE = re.compile(r"^```(?P<kind>\w*) ?(?P<label>.*)$")
_VERDICTS = {
    "true": ("completed", None),
    "false": ("skipped", ("unsatisfied", "blocked")),
    "unknown": ("pending", None),
    "error": ("failed", "expression"),
}


class Case(NamedTuple):
    definition: str
    run: dict[str, Any]


def _blocks(text: str) -> Iterator[tuple[str, str, str, str]]:
    """(heading, kind, label, body) of each fenced block."""
    title, kind, label, body = "", None, "", []
    for line in text.splitlines():
        if kind is not None:
            if line == "```":
                yield title, kind, label, "\n".join(body) + "\n"
                kind = None
            else:
                body.append(line)
        elif found := _HEADING.match(line):
            title = found["title"]
        elif found := _FENCE.match(line):
            kind, label, body = found["kind"], found["label"], []
    assert kind is None, f"an open fence under {title!r}"


def _reverse_nodes(definition: str) -> str:
    document = yaml.safe_load(definition)
    document["nodes"].reverse()
    return yaml.safe_dump(document, sort_keys=False)


def _expand(definition: str, run: dict[str, Any]) -> Iterator[tuple[str, Case]]:
    """The case, or one for each row of its table, and each again with the nodes reversed when it asks for that."""
    if "table" not in run:
        yield "", Case(definition, run)
        if run.get("reversed"):
            yield " (nodes reversed)", Case(_reverse_nodes(definition), run)
        return
    for expression, verdict in run["table"].items():
        written = re.sub(r"\b[A-Z]\b", lambda found: run["letters"][found[0]], expression)
        verdict = str(verdict).lower()
        state, reason = _VERDICTS[verdict]
        wanted = {"state": state} if reason is None else {"state": state, "reason": reason}
        expect = {"nodes": {"x": wanted}, **({"status": "waiting"} if verdict == "unknown" else {}), **run.get("expect", {})}
        yield f" {expression} is {verdict}", Case(definition.replace("EXPRESSION", written), {**run, "expect": expect})


def _collect() -> Iterator[Any]:
    for path in sorted(CASES.glob("*.md")):
        definition, title_of_definition, count, names = "", None, 0, set()
        for title, kind, label, body in _blocks(path.read_text()):
            if kind == "yaml":
                definition, title_of_definition, count = body, title, 0
            elif kind == "run":
                assert title == title_of_definition, f"{path.name}: no pipeline under {title!r}"
                count += 1
                suffix = f" ({label or count})" if label or count > 1 else ""
                for variant, case in _expand(definition, yaml.safe_load(body)):
                    name = f"{path.stem}: {title}{suffix}{variant}"
                    assert name not in names, f"two cases are called {name!r}"
                    names.add(name)
                    yield pytest.param(case, id=name)


def _outcome(given: Any) -> Any:
    """An outcome as ``simulate`` takes it; ``items`` becomes a function of item, index and attempt."""
    if isinstance(given, dict) and "items" in given:
        return _by_item(given["items"])
    return given


def _by_item(items: list[Any]) -> Callable[[Any, int, int], Any]:
    def outcome(item: Any, index: int, attempt: int) -> Any:
        given = items[min(index, len(items) - 1)]
        if isinstance(given, list):
            return given[min(attempt, len(given)) - 1]
        return given or {}

    return outcome


def _check_node(name: str, node: Any, wanted: Any) -> None:
    wanted = wanted if isinstance(wanted, dict) else {"state": wanted}
    for key, value in wanted.items():
        if key == "error_place":
            assert [node.error.line, node.error.column, node.error.end_column] == value, node.error
            continue
        actual = getattr(node, key)
        told = f"{name}.{key}: wanted {value!r}, came {actual!r} (state {node.state}, reason {node.reason}, error {node.error})"
        if key == "error":
            assert (actual is None) if value is None else (actual is not None and value in actual.message), told
        elif key in ("state", "reason") and isinstance(value, (list, tuple)):
            assert actual in value, told
        elif isinstance(value, float) or key.endswith("_at"):
            assert actual == (None if value is None else pytest.approx(value)), told
        else:
            assert actual == value, told


def _check_events(events: list[Any], wanted: list[Any]) -> None:
    """An ordered sub-sequence: each a type, or a mapping of ``type``, ``at``, ``payload`` (keys that must be in it)."""
    rest = iter(events)
    for item in wanted:
        want = item if isinstance(item, dict) else {"type": item}
        for at, kind, payload in rest:
            fits = kind == want["type"] and ("at" not in want or at == pytest.approx(want["at"]))
            if fits and want.get("payload", {}).items() <= dict(payload).items():
                break
        else:
            raise AssertionError(f"{item!r} does not come in this place; events: {[(at, kind) for at, kind, _ in events]}")


def _check(simulation: Any, expect: dict[str, Any]) -> None:
    kinds = [kind for _, kind, _ in simulation.events]
    for name, wanted in expect.get("nodes", {}).items():
        _check_node(name, simulation.nodes[name], wanted)
    for key in ("status", "reason", "outputs"):
        if key in expect:
            assert getattr(simulation, key) == expect[key], f"{key}: wanted {expect[key]!r}, came {getattr(simulation, key)!r}"
            if key == "outputs":
                assert _types(simulation.outputs) == _types(expect["outputs"])
    _check_events(simulation.events, expect.get("events", []))
    for kind in expect.get("absent_events", []):
        assert kind not in kinds, f"{kind} was stored: {kinds}"
    for kind, number in expect.get("counts", {}).items():
        assert kinds.count(kind) == number, f"{kind}: {kinds}"
    for text in expect.get("waiting_for", []):
        assert text in str(simulation.waiting_for), f"waiting for {simulation.waiting_for!r}"
    if expect.get("waiting_for") == []:
        assert not simulation.waiting_for
    for name, texts in expect.get("why", {}).items():
        for text in texts:
            assert text in str(simulation.why(name)), f"why({name}): {simulation.why(name)}"


def _types(value: Any) -> Any:
    """The shape of a value in types: 1, 1.0 and true are equal to Python, and different to us."""
    if isinstance(value, dict):
        return {key: _types(item) for key, item in value.items()}
    return [_types(item) for item in value] if isinstance(value, list) else type(value)


def _check_invalid(case: Case, wanted: dict[str, Any]) -> None:
    with pytest.raises(DefinitionError) as caught:
        simulate(case.definition)
    found = [diagnostic for diagnostic in caught.value.diagnostics if diagnostic.severity == "error"]
    assert found, "the error holds no diagnostic of severity error"
    told = "\n".join(diagnostic.render() for diagnostic in found)
    fitting = [
        diagnostic
        for diagnostic in found
        if wanted.get("message", "") in diagnostic.message
        and all(getattr(diagnostic, key) == wanted[key] for key in ("line", "column", "end_line", "end_column") if key in wanted)
    ]
    assert fitting, f"wanted {wanted}, came:\n{told}"
    if "fixed" in wanted:
        mended = apply_fixes(case.definition, fitting)
        assert wanted["fixed"] in mended, f"the fix gave:\n{mended}"
        assert not [item for item in validate(mended) if item.severity == "error"]


@pytest.mark.parametrize("case", list(_collect()))
def test_case(case: Case) -> None:
    expect = case.run["expect"]
    if "invalid" in expect:
        _check_invalid(case, expect["invalid"])
        return
    if "warning" in expect:
        warnings = [item for item in validate(case.definition) if item.severity == "warning"]
        assert [item for item in warnings if expect["warning"] in item.message], [item.render() for item in warnings]
    given = {key: case.run[key] for key in ("inputs", "max_time") if key in case.run}
    outcomes = {name: _outcome(outcome) for name, outcome in case.run.get("outcomes", {}).items()}
    events = [(at, kind, payload[0] if payload else {}) for at, kind, *payload in case.run.get("events", [])]
    if "input_error" in expect:
        with pytest.raises(InputError) as caught:
            simulate(case.definition, outcomes=outcomes, events=events, **given)
        assert expect["input_error"] in str(caught.value) and caught.value.diagnostics
        return
    _check(simulate(case.definition, outcomes=outcomes, events=events, **given), expect)
