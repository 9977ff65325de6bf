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
    document["nodes"] = [_node(plan, planned) for planned in plan.nodes]
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


def _node(plan: ExecutionPlan, planned: PlannedNode) -> dict[str, Any]:
    node: dict[str, Any] = {"id": planned.id, **_told(plan, planned), "type": planned.type, **planned.fields}
    node["startWhen"] = planned.start.text
    if planned.skip is not None:
        node["skipWhen"] = planned.skip.text
    if planned.stop is not None:
        node["stopWhen"] = {"when": planned.stop.text, "as": planned.stop_as}
    if planned.fail is not None:
        node["failWhen"] = _fail_when(plan, planned)
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
    written = plan.definition.nodes[planned.index]
    for key in ("cache", "resources", "runOn", "tags"):
        if value := getattr(written, key):
            node[key] = list(value) if isinstance(value, tuple) else value
    return node


def _told(plan: ExecutionPlan, planned: PlannedNode) -> dict[str, Any]:
    """Title and description as the document has them."""
    written = plan.definition.nodes[planned.index]
    return {key: value for key in ("title", "description") if (value := getattr(written, key)) is not None}


def _fail_when(plan: ExecutionPlan, planned: PlannedNode) -> Any:
    """With its message, where it has one."""
    assert planned.fail is not None
    message = plan.definition.nodes[planned.index].failMessage
    return planned.fail.text if message is None else {"when": planned.fail.text, "message": message}


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


_NO_LIMIT = "\ue000"
"""Stands for "there is none" until the text is made: a limit that is absent has no value to write, so it becomes a comment."""
_LIMITS = frozenset({"timeout", "waitTimeout", "maxParallel", "maxDelay", "maxDuration"})


def _without_limits(node: dict[str, Any]) -> dict[str, Any]:
    shown = {key: _NO_LIMIT if value is None and key in _LIMITS else value for key, value in node.items()}
    return {**shown, "retry": {key: _NO_LIMIT if value is None else value for key, value in node["retry"].items()}}


def _as_comment(line: str) -> str:
    """``timeout: (none)`` as a comment: the document stays one that can be run."""
    name = line.removesuffix(_NO_LIMIT).strip().rstrip(":")
    return f"{line[: len(line) - len(line.lstrip())]}# {name}: none"


class _Dumper(yaml.SafeDumper):
    """Texts of several lines stay blocks: a task's code is there to be read."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    lines = value.split("\n")
    block = len(lines) > 1 and not any(line != line.rstrip() for line in lines) and not value.startswith((" ", "\n"))
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if block else None)


_Dumper.add_representer(str, _text)


def as_yaml(plan: ExecutionPlan) -> str:
    """The written-out document as YAML, each note as a comment above its node."""
    by_node: dict[str, list[str]] = {}
    for note in notes(plan):
        by_node.setdefault(note.node, []).append(note.text)
    document = written_out(plan)
    document["nodes"] = [_without_limits(node) for node in document["nodes"]]
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    lines: list[str] = []
    for line in text.split("\n")[:-1]:
        if line.startswith("- id: "):
            lines += [f"# {text}" for text in by_node.get(line.removeprefix("- id: ").strip(), ())]
        lines.append(_as_comment(line) if line.endswith(_NO_LIMIT) else line)
    return "\n".join(lines) + "\n"
