"""``fork`` and ``rerun``: a new execution from one that is there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yamlflow_nb.domain.event import Forked
from yamlflow_nb.domain.execution_plan import ExecutionPlan
from yamlflow_nb.domain.pipeline_definition import PipelineDefinition
from yamlflow_nb.domain.ports.repository import ExecutionRecord
from yamlflow_nb.loop.run import Run
from yamlflow_nb.loop.used_files import changed_files
from yamlflow_nb.orchestration.execution_state import ExecutionState, NodeRun
from yamlflow_nb.orchestration.inputs import accepted_inputs
from yamlflow_nb.orchestration.reuse import result_of, running_anew
from yamlflow_nb.planning.written_out import written_out
from yamlflow_nb.services.command_error import CommandError
from yamlflow_nb.services.desk import Desk
from yamlflow_nb.services.fitting_command import check_node, checked_value
from yamlflow_nb.services.new_execution import first_fact, held, new_id, new_record, system_names
from yamlflow_nb.services.packages import kept_pins
from yamlflow_nb.services.pipeline_source import PipelineSource, Source, read_source

_INPUT = "pipeline.input."


@dataclass(frozen=True)
class Wanted:
    """What is to be another in the new execution. ``at``: nodes that run again in any case; ``values``: inputs and outputs by
    their full names; ``source``: another definition (None: the same)."""

    at: Sequence[str] = ()
    values: Mapping[str, Any] | None = None
    source: Source | None = None
    latest: bool = False
    fresh: bool = False


def fork(desk: Desk, run: Run, wanted: Wanted, by: str, namespace: Mapping[str, Any] | None = None) -> Run:
    """A new execution that reuses what the change does not affect; what depends on it runs. Raises ``CommandError`` (YF704,
    YF728, YF733), ``InputError``, ``DefinitionError``."""
    with run.lock:
        state = run.state
        for node in wanted.at if wanted.source is None and not wanted.latest else ():
            check_node(state, node)
        source, plan = _definition(desk, run, wanted)
        given = {name: checked_value(state, name, value) for name, value in (wanted.values or {}).items()}
        inputs = _inputs(state, plan.definition, given)
        names = [_path(name) for name in given if not name.startswith(_INPUT)]
        names += _changed_inputs(state, inputs)
        nodes = {*wanted.at, *(_changed_nodes(desk, run, plan) if plan is not state.plan else ())}
        if wanted.latest:
            nodes |= _with_changed_files(desk, run)
        if state.plan.definition.version != plan.definition.version:
            names.append(("system", "version"))
        _check_change(run, plan, wanted, names, nodes)
        anew = running_anew(state, plan, nodes, names)
        _check_outputs_stay(given, anew)
        kept = [one for one in state.order if one.planned.id in plan.index and one.planned.id not in anew]
        reused = {one.planned.id: result_of(one, run.id, _outputs(one, given)) for one in kept}
        custom = {name: dict(payload) for name, payload in state.custom.items()}
    record = _record(desk, run, source, plan, inputs, by)
    changed = tuple(sorted({*given, *wanted.at}))
    waits = held(plan.definition)
    names_read, at = system_names(record), record.created_at
    fact = Forked(at, inputs, names_read, run.id, reused, custom, changed, by, waits, wanted.fresh)
    return desk.begin(record, plan, fact, namespace)


def accept_changes(desk: Desk, run: Run, by: str, namespace: Mapping[str, Any] | None = None) -> tuple[Run, dict[str, list[str]]]:
    """What failed runs again, by the pipeline's file as it is now: a new execution, since one is bound to the definition that it
    was started with. Beside it which nodes are ``kept``, run ``again``, are ``added`` and ``orphaned``. Raises as ``fork`` does."""
    with run.lock:
        failed = [one.planned.id for one in run.state.order if one.state in ("failed", "cancelled")]
    plan = _definition(desk, run, Wanted(latest=True))[1]
    made = fork(desk, run, Wanted(tuple(name for name in failed if name in plan.index), latest=True), by, namespace)
    with made.lock:
        old, new = run.plan.index, made.state.nodes
        return made, {
            "kept": [name for name, one in new.items() if one.reused],
            "again": [name for name, one in new.items() if not one.reused and name in old],
            "added": [name for name in new if name not in old],
            "orphaned": [name for name in old if name not in new],
        }


def rerun(desk: Desk, run: Run, wanted: Wanted, by: str, namespace: Mapping[str, Any] | None = None) -> Run:
    """A new execution with the same definition and inputs, or with the definition as its file is now. Raises ``CommandError``,
    ``InputError``, ``DefinitionError``."""
    with run.lock:
        source, plan = _definition(desk, run, wanted)
        inputs = _inputs(run.state, plan.definition, {})
    record = _record(desk, run, source, plan, inputs, by)
    return desk.begin(record, plan, first_fact(record, plan.definition, origin=run.id, fresh=wanted.fresh), namespace)


def _record(
    desk: Desk, run: Run, source: PipelineSource, plan: ExecutionPlan, inputs: Mapping[str, Any], by: str
) -> ExecutionRecord:
    """The record of the new execution. With the same definition, names in it mean what they meant in the old one."""
    now, same_plan = desk.now(), plan is run.plan
    known = run.record.definition_hash if same_plan else None
    record = new_record(new_id(now), plan.definition, source, inputs, now, by, known)
    record.pins = desk.pins(plan.definition) | (kept_pins(run.record.pins) if same_plan else {})
    return record


def _outputs(node: NodeRun, given: Mapping[str, Any]) -> dict[str, Any] | None:
    """The outputs of a node with those that were set; None where none was."""
    own = {name.partition(".")[2]: value for name, value in given.items() if name.startswith(f"{node.planned.id}.")}
    return {**node.outputs, **own} if own else None


def _definition(desk: Desk, run: Run, wanted: Wanted) -> tuple[PipelineSource, ExecutionPlan]:
    """The text and plan of the new execution: those of the old one unless another is wanted."""
    record = run.record
    if wanted.source is not None:
        source = read_source(wanted.source, None, None if isinstance(wanted.source, PipelineDefinition) else record.folder)
        return source, desk.plan_of(source)
    source = PipelineSource(record.definition, record.source_name, Path(record.folder))
    if not wanted.latest:
        return source, run.plan
    path = Path(record.source_name)
    if not path.is_absolute():
        path = Path(record.folder) / path.name
    if not path.is_file():
        what = f"`{record.id}` was not started from a file that is there: {record.source_name}"
        raise CommandError("YF733", what, "name the new definition: --definition FILE")
    source = PipelineSource(path.read_bytes(), record.source_name, Path(record.folder))
    return source, desk.plan_of(source)


def _inputs(state: ExecutionState, definition: PipelineDefinition, given: Mapping[str, Any]) -> dict[str, Any]:
    """The old inputs, as far as they are declared still, and those that were set."""
    old = state.variables.scopes.get("pipeline.input", {})
    kept = {name: value for name, value in old.items() if name in definition.inputVariables}
    new = {name.removeprefix(_INPUT): value for name, value in given.items() if name.startswith(_INPUT)}
    return accepted_inputs(definition, {**kept, **new})


def _changed_inputs(state: ExecutionState, inputs: Mapping[str, Any]) -> Iterable[tuple[str, ...]]:
    old = state.variables.scopes.get("pipeline.input", {})
    for name in {*old, *inputs}:
        if name not in old or name not in inputs or not same(old[name], inputs[name]):
            yield "pipeline", "input", name


def same(old: Any, new: Any) -> bool:
    """Equal and of one type; ``1`` is not ``1.0`` to whoever prints it, and NaN is itself."""
    return repr(old) == repr(new)


def _path(name: str) -> tuple[str, ...]:
    return tuple(name.split("."))


def _changed_nodes(desk: Desk, run: Run, plan: ExecutionPlan) -> set[str]:
    """The nodes that another definition has new, or that say something else in it."""
    old, new = meanings(run.plan), meanings(plan)
    return {name for name, meaning in new.items() if old.get(name) != meaning}


_FOR_SHOW = ("title", "description", "tags", "priority", "resources", "maxParallel", "cache")


def meanings(plan: ExecutionPlan) -> dict[str, Any]:
    """What each node does, by id: everything written out, apart from what is for show or says only how fast."""
    document = written_out(plan)
    tasks = document.get("taskDefinitions", {})
    return {
        node["id"]: {
            **{name: value for name, value in node.items() if name not in _FOR_SHOW},
            "taskDefinition": tasks.get(node.get("taskDefinition"), node.get("taskDefinition")),
        }
        for node in document["nodes"]
    }


def _with_changed_files(desk: Desk, run: Run) -> set[str]:
    """The nodes whose notebook, query or program is another than the one that they ran by."""
    found = set()
    for node in run.state.order:
        if changed_files(desk.runs_folder / (node.reused or run.id) / node.planned.id):
            found.add(node.planned.id)
    return found


def _check_change(run: Run, plan: ExecutionPlan, wanted: Wanted, names: Sequence[Any], nodes: set[str]) -> None:
    if unknown := [name for name in wanted.at if name not in plan.index]:
        raise CommandError("YF704", f"the pipeline has no node `{unknown[0]}`", f"nodes: {', '.join(plan.index)}")
    if not names and not nodes and wanted.source is None and not wanted.latest and not wanted.values:
        hint = (
            "--set extract.row_count=0, --set pipeline.input.month=3, --at NODE, --definition FILE or --latest; or yamlflow rerun"
        )
        raise CommandError("YF733", f"a fork of `{run.id}` needs a change", hint)


def _check_outputs_stay(given: Mapping[str, Any], anew: set[str]) -> None:
    for name in given:
        node = name.partition(".")[0]
        if not name.startswith(_INPUT) and node in anew:
            raise CommandError(
                "YF733", f"`{name}` cannot be set: `{node}` runs again, and gives it anew", "set it, or let the node run: not both"
            )
