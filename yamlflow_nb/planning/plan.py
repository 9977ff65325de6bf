"""The plan of a definition: defaults written out, the network compiled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from yamlflow_nb.domain.execution_plan import PIPELINE, SKIP, START, STOP, ExecutionPlan, PlannedNode
from yamlflow_nb.domain.expression import BoundTemplate, NameRead, NodeExpressions, Template, TriggerExpression
from yamlflow_nb.domain.pipeline_definition import NodeDefinition, PipelineDefinition, Retry
from yamlflow_nb.domain.pool import DEFAULT_POOL, Demand, amount
from yamlflow_nb.domain.task_definition import TaskDefinition, TaskType
from yamlflow_nb.domain.uncollected import uncollected
from yamlflow_nb.language.derivation import starts_of
from yamlflow_nb.language.durations import parse_duration
from yamlflow_nb.language.reachability import finally_nodes_of
from yamlflow_nb.planning.network import NetworkBuilder, holding_facts

_NO_RETRY = Retry()
_NOTHING: frozenset[str] = frozenset()


@uncollected
def plan(definition: PipelineDefinition, task_types: Mapping[str, TaskType]) -> ExecutionPlan:
    """The plan of a definition that has no errors. ``task_types`` tells which outputs and waits a type has. Made once for
    a definition and its task types: nothing in a plan changes, so runs and simulations share it."""
    parsed = definition.parsed
    if parsed.plan is None or parsed.plan[0] is not task_types:
        parsed.plan = (task_types, _made(definition, task_types))
    made: ExecutionPlan = parsed.plan[1]
    return made


def _made(definition: PipelineDefinition, task_types: Mapping[str, TaskType]) -> ExecutionPlan:
    parsed = definition.parsed
    starts = starts_of(definition)
    finally_nodes = finally_nodes_of(definition)
    ids = definition.positions
    builder = NetworkBuilder(ids, finally_nodes)
    nodes: list[PlannedNode] = []
    awaiting: dict[str, list[int]] = {}
    kinds = {name: task_types.get(name) if name else None for name in _type_names(definition)}
    for index, node in enumerate(definition.nodes):
        planned = _planned(index, node, definition, parsed.nodes[index], starts[index], kinds, ids)
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
            awaiting.setdefault(planned.awaited[1], []).append(index)
    if parsed.stop_when is not None:
        builder.add_trigger(parsed.stop_when, PIPELINE, STOP)
    builder.atom("pipeline", "finishing")
    return ExecutionPlan(
        definition, nodes, ids, builder.network, parsed.stop_when, parsed.outputs, definition.timeout, task_types, awaiting
    )  # fmt: skip


def _planned(
    index: int,
    node: NodeDefinition,
    definition: PipelineDefinition,
    written: NodeExpressions,
    start: TriggerExpression,
    kinds: Mapping[str | None, TaskType | None],
    ids: dict[str, int],
) -> PlannedNode:
    settings = _settings(node, definition.defaults)
    setting = settings.get
    task = definition.taskDefinitions.get(node.taskDefinition) if node.taskDefinition else None
    type_name = task.type if task is not None else node.type
    task_type = kinds[type_name]
    fields = task.fields if task is not None else node.fields
    bound, bound_fields = written.bindings, written.fields
    held = [*_reads(bound), *_reads(bound_fields)] if bound or bound_fields else []
    if written.for_each is not None:
        held += _reads((written.for_each,))
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
        bindings=setting("inputBindings", {}),
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
        wait_timeout=(setting("waitTimeout") or None) if task_type is not None and task_type.waits in ("person", "event") else None,
        on_failure=setting("onFailure") or "continue",
        always=bool(setting("always")),
        max_parallel=setting("maxParallel"),
        on_item_failure=setting("onItemFailure") or "fail",
        max_failed=setting("maxFailed"),
        repeat=setting("repeat"),
        on_interrupt=setting("onInterrupt") or _on_interrupt(task_type, fields),
        priority=setting("priority") or 0,
        demand=_demand(resources) if (resources := setting("resources")) else None,
        emits=frozenset(emits) if (emits := setting("emits")) else _NOTHING,
        waits=task_type.waits if task_type is not None else None,
        awaited=("custom", awaited.removeprefix("custom.")) if isinstance(awaited, str) else None,
        on_reject=fields.get("onReject") or "fail",
        on_timeout=fields.get("onTimeout") or "fail",
        holds=holding_facts(held, ids) if held else (),
        remind=parse_duration(fields["remind"]) if definition.notifications and fields.get("remind") else None,
    )


def _type_names(definition: PipelineDefinition) -> set[str | None]:
    return {node.type for node in definition.nodes} | {task.type for task in definition.taskDefinitions.values()} | {None}


def _settings(node: NodeDefinition, defaults: NodeDefinition | None) -> Mapping[str, Any]:
    """The control fields as they hold for a node: its own (also ``0`` and ``false``), else those of ``defaults``."""
    own = {name: getattr(node, name) for name in node.model_fields_set}
    if defaults is None:
        return own
    return {**{name: getattr(defaults, name) for name in defaults.model_fields_set}, **own}


def _on_interrupt(task_type: TaskType | None, fields: Mapping[str, Any]) -> str:
    """What becomes of an attempt whose process died, where the document does not say."""
    if task_type is None:
        return "ask"
    return "retry" if task_type.repeatable is not None and task_type.repeatable(fields) else task_type.on_interrupt


def _demand(resources: Mapping[str, Any]) -> Demand:
    return Demand(resources.get("pool", DEFAULT_POOL), resources.get("slots", 1), amount(resources.get("memory", 0)))


def _outputs(task: TaskDefinition | None, own: Mapping[str, Any]) -> Mapping[str, Any]:
    return own if task is None or not task.outputs else {**task.outputs, **own}


def _reads(templates: tuple[BoundTemplate, ...]) -> list[NameRead]:
    return [read for bound in templates for read in reads_of(bound.template)]


def reads_of(template: Template) -> list[NameRead]:
    """The names that a template reads."""
    return [read for expression in template.expressions for read in expression.reads]
