"""The plan as a document: every default written out, the derived ``startWhen`` included, with notes on what surprises."""

from __future__ import annotations

from typing import Any, NamedTuple

import yaml

from yamlflow_nb.domain.execution_plan import ExecutionPlan, PlannedNode
from yamlflow_nb.domain.expression import Constant
from yamlflow_nb.domain.pipeline_definition import API_VERSION, Recovery


class Note(NamedTuple):
    """Something about a node that a reader of the plan should know."""

    node: str
    text: str


def written_out(plan: ExecutionPlan) -> dict[str, Any]:
    """The pipeline document with nothing left to default, as plain data in the document's own order of keys."""
    definition = plan.definition
    document: dict[str, Any] = {"apiVersion": API_VERSION, "name": definition.qualified_name}
    for key in ("version", "title", "description"):
        value = getattr(definition, key)
        if value is not None:
            document[key] = value
    if definition.inputVariables:
        document["inputVariables"] = {
            name: {
                "type": declared.type,
                "required": declared.is_required,
                **declared.model_dump(exclude_unset=True, exclude={"type"}),
            }
            for name, declared in definition.inputVariables.items()
        }
    document["nodes"] = [_node(planned) for planned in plan.nodes]
    if definition.outputs:
        document["outputs"] = dict(definition.outputs)
    if plan.stop_when is not None:
        document["stopWhen"] = plan.stop_when.text
    if plan.timeout is not None:
        document["timeout"] = _seconds(plan.timeout)
    for key in ("resources", "schedule", "concurrency"):
        value = getattr(definition, key)
        if value is not None:
            document[key] = value
    if definition.notifications:
        document["notifications"] = [dict(entry) for entry in definition.notifications]
    return document


def _node(planned: PlannedNode) -> dict[str, Any]:
    node: dict[str, Any] = {"id": planned.id, "type": planned.type, **planned.fields, "startWhen": planned.start.text}
    if planned.skip is not None:
        node["skipWhen"] = planned.skip.text
    if planned.stop is not None:
        node["stopWhen"] = {"when": planned.stop.text, "as": planned.stop_as}
    if planned.fail is not None:
        node["failWhen"] = planned.fail.text
    if planned.retry_when is not None:
        node["retryWhen"] = planned.retry_when.text
    node["inputBindings"] = dict(planned.bindings)
    if planned.outputs:
        node["outputs"] = {name: declared.model_dump(exclude_none=True) for name, declared in planned.outputs.items()}
    handled = planned.on_failure
    node["onFailure"] = {"outputs": handled.outputs} if isinstance(handled, Recovery) else handled
    node["retry"] = {key: _seconds(value) if key in _DURATIONS else value for key, value in planned.retry.model_dump().items()}
    node["timeout"] = _seconds(planned.timeout)
    if planned.waits is not None:
        node["waitTimeout"] = _seconds(planned.wait_timeout)
    if planned.is_for_each:
        node["forEach"] = planned.for_each_value
        node["maxParallel"] = planned.max_parallel
        node["onItemFailure"] = planned.on_item_failure
        if planned.max_failed is not None:
            node["maxFailed"] = planned.max_failed
    if planned.repeat is not None:
        node["repeat"] = {**planned.repeat.model_dump(), "delay": _seconds(planned.repeat.delay)}
    node["onInterrupt"] = planned.on_interrupt
    node["priority"] = planned.priority
    node["always"] = planned.always
    if planned.emits:
        node["emits"] = sorted(planned.emits)
    return node


_DURATIONS = frozenset({"delay", "maxDelay", "maxDuration"})


def _seconds(value: float | None) -> str | None:
    return None if value is None else f"{value:g}s"


def notes(plan: ExecutionPlan) -> list[Note]:
    """Nodes that are disabled, that start with the pipeline beside others, or that may run twice after a crash."""
    found: list[Note] = []
    first = [planned for planned in plan.nodes if planned.derived_start and planned.start.text == "event:pipeline.started"]
    for planned in plan.nodes:
        root = planned.start.root
        if isinstance(root, Constant) and not root.value:
            found.append(Note(planned.id, "disabled: startWhen is false"))
        if planned in first and len(first) > 1:
            found.append(Note(planned.id, "starts with the pipeline, beside others: it reads no other node's outputs"))
        if planned.on_interrupt == "retry":
            found.append(Note(planned.id, "may run twice: an attempt interrupted by a crash is run again (onInterrupt: retry)"))
        if planned.is_finally:
            found.append(Note(planned.id, "a finally node: runs after success, failure and cancellation alike"))
    return found


def as_yaml(plan: ExecutionPlan) -> str:
    """The written-out document as YAML, each note as a comment above its node."""
    by_node: dict[str, list[str]] = {}
    for note in notes(plan):
        by_node.setdefault(note.node, []).append(note.text)
    text: str = yaml.safe_dump(written_out(plan), sort_keys=False, allow_unicode=True, width=120)
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("- id: "):
            lines += [f"# {text}" for text in by_node.get(line.removeprefix("- id: ").strip(), ())]
        lines.append(line)
    return "\n".join(lines) + "\n"
