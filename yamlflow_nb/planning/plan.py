"""The plan of a definition: defaults written out, the network compiled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from yamlflow_nb.domain.execution_plan import PIPELINE, SKIP, START, STOP, ExecutionPlan, PlannedNode
from yamlflow_nb.domain.expression import BoundTemplate, NameRead, NodeExpressions, Template, TriggerExpression
from yamlflow_nb.domain.pipeline_definition import NodeDefinition, PipelineDefinition, Retry
from yamlflow_nb.domain.task_definition import TaskDefinition, TaskType
from yamlflow_nb.language.derivation import derive_start
from yamlflow_nb.language.reachability import analyse
from yamlflow_nb.planning.network import NetworkBuilder, holding_facts

_NO_RETRY = Retry()


def plan(definition: PipelineDefinition, task_types: Mapping[str, TaskType]) -> ExecutionPlan:
    """The plan of a definition that has no errors. ``task_types`` tells which outputs and waits a type has."""
    parsed = definition.parsed
    starts = [written.startWhen or derive_start(index, definition) for index, written in enumerate(parsed.nodes)]
    finally_nodes = analyse(definition, starts).finally_nodes
    ids = {node.id: index for index, node in enumerate(definition.nodes)}
    builder = NetworkBuilder(ids, finally_nodes)
    nodes: list[PlannedNode] = []
    for index, node in enumerate(definition.nodes):
        planned = _planned(index, node, definition, parsed.nodes[index], starts[index], task_types, ids)
        planned.is_finally = node.id in finally_nodes
        nodes.append(planned)
        builder.add_trigger(planned.start, index, START)
        if planned.skip is not None:
            builder.add_trigger(planned.skip, index, SKIP)
        if planned.stop is not None:
            builder.add_trigger(planned.stop, index, STOP)
        if planned.holds:
            builder.add_holds(planned.holds, index)
        if planned.awaited is not None:
            builder.atom(*planned.awaited)
    if parsed.stop_when is not None:
        builder.add_trigger(parsed.stop_when, PIPELINE, STOP)
    builder.atom("pipeline", "finishing")
    return ExecutionPlan(definition, nodes, ids, builder.network, parsed.stop_when, parsed.outputs, definition.timeout)


def _planned(
    index: int,
    node: NodeDefinition,
    definition: PipelineDefinition,
    written: NodeExpressions,
    start: TriggerExpression,
    task_types: Mapping[str, TaskType],
    ids: dict[str, int],
) -> PlannedNode:
    defaults = definition.defaults
    own = node.model_fields_set
    inherited = defaults.model_fields_set if defaults is not None else frozenset()

    def setting(name: str, otherwise: Any = None) -> Any:
        if name in own:
            return getattr(node, name)
        return getattr(defaults, name) if name in inherited else otherwise

    task = definition.taskDefinitions.get(node.taskDefinition) if node.taskDefinition else None
    type_name = task.type if task is not None else node.type
    task_type = task_types.get(type_name) if type_name else None
    fields = task.fields if task is not None else node.fields
    bound, bound_fields = written.bindings, written.fields
    held = [*_reads(bound), *_reads(bound_fields), *(_reads((written.for_each,)) if written.for_each else ())]
    awaited = fields.get("event") if task_type is not None and task_type.waits == "event" else None
    return PlannedNode(
        index=index,
        id=node.id,
        type=type_name,
        start=start,
        derived_start=written.startWhen is None,
        skip=written.skipWhen,
        stop=written.stopWhen,
        stop_as=setting("stopAs", "cancelled"),
        fail=written.failWhen,
        fail_message=written.fail_message,
        retry_when=written.retryWhen,
        until=written.until,
        for_each=written.for_each,
        for_each_value=setting("forEach"),
        is_for_each=setting("forEach") is not None,
        bindings=node.inputBindings if "inputBindings" in own or defaults is None else setting("inputBindings", {}),
        bound=bound,
        fields=fields,
        bound_fields=bound_fields,
        recovery=written.recovery,
        display=written.display,
        outputs=_outputs(task, setting("outputs", {})),
        built_in_outputs=task_type.outputs if task_type is not None else {},
        inputs=task.inputs if task is not None else None,
        retry=setting("retry") or _NO_RETRY,
        timeout=setting("timeout") or None,
        wait_timeout=(setting("waitTimeout") or None) if task_type is not None and task_type.waits else None,
        on_failure=setting("onFailure") or "continue",
        always=bool(setting("always")),
        max_parallel=setting("maxParallel"),
        on_item_failure=setting("onItemFailure") or "fail",
        max_failed=setting("maxFailed"),
        repeat=setting("repeat"),
        on_interrupt=setting("onInterrupt") or _on_interrupt(task_type, fields),
        priority=setting("priority") or 0,
        emits=frozenset(setting("emits", ())),
        waits=task_type.waits if task_type is not None else None,
        awaited=("custom", awaited.removeprefix("custom.")) if isinstance(awaited, str) else None,
        on_reject=fields.get("onReject") or "fail",
        on_timeout=fields.get("onTimeout") or "fail",
        holds=holding_facts(held, ids) if held else (),
    )


def _on_interrupt(task_type: TaskType | None, fields: Mapping[str, Any]) -> str:
    """What becomes of an attempt whose process died, where the document does not say."""
    if task_type is None:
        return "ask"
    return "retry" if task_type.harmless is not None and task_type.harmless(fields) else task_type.on_interrupt


def _outputs(task: TaskDefinition | None, own: Mapping[str, Any]) -> Mapping[str, Any]:
    return own if task is None or not task.outputs else {**task.outputs, **own}


def _reads(templates: tuple[BoundTemplate, ...]) -> list[NameRead]:
    return [read for bound in templates for read in reads_of(bound.template)]


def reads_of(template: Template) -> list[NameRead]:
    """The names that a template reads."""
    return [read for expression in template.expressions for read in expression.reads]
