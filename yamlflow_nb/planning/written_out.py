"""The plan as a document: every default written out, the derived ``startWhen`` included, with notes on what surprises."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import yaml

from yamlflow_nb.domain.execution_plan import ExecutionPlan, PlannedNode
from yamlflow_nb.domain.expression import Constant, TriggerExpression
from yamlflow_nb.domain.pipeline_definition import API_VERSION, Recovery
from yamlflow_nb.domain.task_definition import InputDeclaration, OutputDeclaration, TaskDefinition
from yamlflow_nb.language.quoting import plain_stays_itself


class Note(NamedTuple):
    """Something about a node that a reader of the plan should know."""

    node: str
    text: str


def written_out(plan: ExecutionPlan) -> dict[str, Any]:
    """The pipeline document with nothing left to default, as plain data in the document's own order of keys.

    What has no default value (no timeout, no limit) is not written: the document means the same when it is read again.
    """
    definition = plan.definition
    document: dict[str, Any] = {"apiVersion": API_VERSION, "name": definition.qualified_name}
    document.update(_given(definition, ("version", "title", "description")))
    if definition.inputVariables:
        document["inputVariables"] = {name: _input(declared) for name, declared in definition.inputVariables.items()}
    tasks = {name: task for name, task in definition.taskDefinitions.items() if definition.holds_task(name)}
    if tasks:
        document["taskDefinitions"] = {name: _task(plan, task) for name, task in tasks.items()}
    document["nodes"] = [_node(plan, planned) for planned in plan.nodes]
    if definition.outputs:
        document["outputs"] = dict(definition.outputs)
    if plan.stop_when is not None:
        document["stopWhen"] = _trigger(plan.stop_when)
    if plan.timeout is not None:
        document["timeout"] = _seconds(plan.timeout)
    document.update(_given(definition, ("resources", "schedule", "concurrency", "notifications", "tags")))
    return document


def _given(owner: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """What is written of some fields without a default."""
    return {name: value for name in names if (value := getattr(owner, name)) not in (None, (), {})}


def _input(declared: InputDeclaration) -> dict[str, Any]:
    written = declared.model_dump(exclude_unset=True, exclude={"type", "required"})
    return {"type": declared.type, "required": declared.is_required, **written}


def _task(plan: ExecutionPlan, task: TaskDefinition) -> dict[str, Any]:
    written: dict[str, Any] = {"type": task.type, **_given(task, ("description",)), **_fields(plan, task.type, task.fields)}
    if task.inputs is not None:
        written["inputs"] = {name: _input(declared) for name, declared in task.inputs.items()}
    if task.outputs:
        written["outputs"] = _outputs(task.outputs)
    return written


def _fields(plan: ExecutionPlan, type_name: str | None, fields: Mapping[str, Any]) -> dict[str, Any]:
    """A task's own fields, and the defaults that its type gives to others."""
    kind = plan.task_types.get(type_name or "")
    model = kind.fields.model_fields if kind is not None else {}
    defaults = {field.alias or name: field.default for name, field in model.items() if not field.is_required()}
    return {**fields, **{name: value for name, value in defaults.items() if value is not None and name not in fields}}


def _outputs(outputs: Mapping[str, OutputDeclaration]) -> dict[str, Any]:
    return {name: declared.model_dump(exclude_none=True) for name, declared in outputs.items()}


def _trigger(expression: TriggerExpression) -> str | bool:
    return {"true": True, "false": False}.get(expression.text, expression.text)


def _node(plan: ExecutionPlan, planned: PlannedNode) -> dict[str, Any]:
    written, defaults = plan.definition.nodes[planned.index], plan.definition.defaults

    def setting(name: str, otherwise: Any = None) -> Any:
        owner = written if name in written.model_fields_set else defaults
        return getattr(owner, name) if owner is not None and name in owner.model_fields_set else otherwise

    node: dict[str, Any] = {"id": planned.id}
    if written.taskDefinition is not None:
        node["taskDefinition"] = written.taskDefinition
    else:
        node.update({"type": planned.type, **_fields(plan, planned.type, planned.fields)})
    node.update(_given(written, ("title", "description")))
    node.update(_triggers(planned, setting("failMessage")))
    node["inputBindings"] = dict(planned.bindings)
    if planned.outputs:
        node["outputs"] = _outputs(planned.outputs)
    handled = planned.on_failure
    node["onFailure"] = {"outputs": handled.outputs} if isinstance(handled, Recovery) else handled
    node["retry"] = _without_none(
        {key: _seconds(value) if key in _DURATIONS else value for key, value in planned.retry.model_dump().items()}
    )
    node.update(_without_none({"timeout": _seconds(planned.timeout), "waitTimeout": _seconds(planned.wait_timeout)}))
    if planned.is_for_each:
        node["forEach"] = planned.for_each_value
        items = {"maxParallel": planned.max_parallel, "onItemFailure": planned.on_item_failure, "maxFailed": planned.max_failed}
        node.update(_without_none(items))
    if planned.repeat is not None:
        node["repeat"] = {**planned.repeat.model_dump(), "delay": _seconds(planned.repeat.delay)}
    node["cache"] = setting("cache", False)
    node.update({name: value for name in ("resources", "runOn") if (value := setting(name)) is not None})
    node["onInterrupt"] = planned.on_interrupt
    node["priority"] = planned.priority
    node["always"] = planned.always
    if planned.emits:
        node["emits"] = sorted(planned.emits)
    if tags := setting("tags"):
        node["tags"] = list(tags)
    return node


def _triggers(planned: PlannedNode, fail_message: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {"startWhen": _trigger(planned.start)}
    if planned.skip is not None:
        found["skipWhen"] = _trigger(planned.skip)
    if planned.stop is not None:
        found["stopWhen"] = {"when": _trigger(planned.stop), "as": planned.stop_as}
    if planned.fail is not None:
        when = _trigger(planned.fail)
        found["failWhen"] = when if fail_message is None else {"when": when, "message": fail_message}
    if planned.retry_when is not None:
        found["retryWhen"] = _trigger(planned.retry_when)
    return found


_DURATIONS = frozenset({"delay", "maxDelay", "maxDuration"})


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _seconds(value: float | None) -> str | float | None:
    if value is None or value >= 1e12:
        return value
    return f"{value:.9f}".rstrip("0").rstrip(".") + "s"


def notes(plan: ExecutionPlan) -> list[Note]:
    """Nodes that are disabled, that start with the pipeline beside others, or that may run twice after a crash."""
    found: list[Note] = []
    first = {planned.index for planned in plan.nodes if planned.start.text in ("event:pipeline.started", "true")}
    for planned in plan.nodes:
        root = planned.start.root
        disabled = isinstance(root, Constant) and not root.value
        if disabled:
            found.append(Note(planned.id, "disabled: startWhen is false"))
        if planned.index in first and len(first) > 1:
            found.append(Note(planned.id, "starts with the pipeline, beside others: it waits for nobody"))
        if planned.on_interrupt == "retry" and planned.waits is None and not disabled:
            found.append(Note(planned.id, "may run twice: an attempt interrupted by a crash is run again (onInterrupt: retry)"))
        if planned.is_finally:
            found.append(Note(planned.id, "a finally node: runs after success, failure and cancellation alike"))
    return found


def as_yaml(plan: ExecutionPlan) -> str:
    """The written-out document as YAML, each note as a comment above its node."""
    by_node: dict[str, list[str]] = {}
    for note in notes(plan):
        by_node.setdefault(note.node, []).append(note.text)
    text = yaml_text(written_out(plan))
    lines: list[str] = []
    ids = iter([planned.id for planned in plan.nodes])
    for line in text.splitlines():
        if line.startswith("- id: ") and (name := next(ids, None)) is not None:
            lines += [f"# {text}" for text in by_node.get(name, ())]
        lines.append(line)
    return "\n".join(lines) + "\n"


def yaml_text(document: Mapping[str, Any]) -> str:
    """Plain data as YAML that is read back as it was."""
    text: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return text


class _Dumper(yaml.SafeDumper):
    """PyYAML quotes what YAML 1.1 would take for no text; a pipeline is read by the core schema of YAML 1.2."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    # A task's code is there to be read; what a block cannot hold, PyYAML quotes by itself.
    style = "|" if "\n" in value else None if plain_stays_itself(value) else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)
