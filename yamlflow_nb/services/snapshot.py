"""An execution as plain data: what every view draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.domain.ports.repository import ExecutionRecord
from yamlflow_nb.domain.variable import type_of
from yamlflow_nb.language.evaluation import render_display
from yamlflow_nb.loop.run import Run
from yamlflow_nb.orchestration.execution_state import ExecutionState, NodeRun
from yamlflow_nb.orchestration.simulation import outstanding
from yamlflow_nb.orchestration.visible_names import StateNames
from yamlflow_nb.orchestration.why import why
from yamlflow_nb.services.packages import changed, recorded

_SHOWN = 80
"""Characters of a value that a view shows; only a display is ever cut."""


def snapshot(run: Run) -> dict[str, Any]:
    """The whole execution, times in seconds since the epoch. Whoever calls it holds the run's lock."""
    state, record = run.state, run.record
    return {
        "id": record.id,
        "pipeline": record.pipeline,
        "title": state.plan.definition.title,
        "version": record.version,
        "parent": record.parent_id,
        "status": state.status,
        "reason": state.reason,
        "started_at": started_at(state),
        "finished_at": finished_at(state),
        "source_name": record.source_name,
        "packages": recorded(record.pins),
        "packages_changed": [] if state.ended is not None else changed(record.pins),
        "round": state.round,
        "waiting_for": outstanding(state),
        "error": _error(state.error, ""),
        "nodes": [_node(run, node) for node in state.order],
        "outputs": {name: short(value) for name, value in state.outputs.items()},
        "lost": None if run.lost is None else str(run.lost),
    }


def with_children(whole: dict[str, Any], children: Sequence[ExecutionRecord]) -> dict[str, Any]:
    """A snapshot whose nodes name the executions that they started."""
    by_node: dict[str, list[dict[str, Any]]] = {}
    for child in children:
        node = (child.parent_node or "").partition("[")[0]
        told = {"id": child.id, "node": child.parent_node, "status": child.status, "reason": child.reason}
        by_node.setdefault(node, []).append(told)
    for node in whole["nodes"]:
        node["children"] = by_node.get(node["id"], [])
    return whole


def brief(run: Run, now: float) -> dict[str, Any]:
    """What changes while it runs, cheap enough to be asked for some times a second. Whoever calls it holds the run's lock."""
    state, record = run.state, run.record
    return {
        "id": record.id, "pipeline": record.pipeline, "version": record.version, "status": state.status, "reason": state.reason,
        "started_at": started_at(state), "finished_at": finished_at(state), "now": now, "waiting_for": outstanding(state),
        "nodes": [_moving(run, node) for node in state.order],
    }  # fmt: skip


def _moving(run: Run, node: NodeRun) -> dict[str, Any]:
    progress = run.progress.get(node.planned.id) if node.state == "running" else None
    return {
        "id": node.planned.id, "state": node.state, "reason": node.reason, "attempts": node.attempts,
        "started_at": node.started_at, "finished_at": node.finished_at, "items": None if node.fan is None else items_of(node),
        "progress": None if progress is None else progress._asdict(),
    }  # fmt: skip


def started_at(state: ExecutionState) -> float | None:
    return state.log.rows[0].at if state.log.rows else None


def finished_at(state: ExecutionState) -> float | None:
    return state.log.rows[-1].at if state.ended is not None and state.log.rows else None


def _node(run: Run, node: NodeRun) -> dict[str, Any]:
    state, planned = run.state, node.planned
    progress = run.progress.get(planned.id) if node.state == "running" else None
    return {
        "id": planned.id,
        "type": planned.type,
        "title": _title(state, node),
        "state": node.state,
        "reason": node.reason,
        "attempts": node.attempts,
        "started_at": node.started_at,
        "finished_at": node.finished_at,
        "error": _error(node.error, node.error_type),
        "why": why(state, planned.id).splitlines(),
        "startWhen": planned.start.text,
        "derived": planned.derived_start,
        "is_finally": planned.is_finally,
        "items": None if node.fan is None else items_of(node),
        "progress": None if progress is None else progress._asdict(),
        "notes": list(node.notes),
        "outputs": {name: short(value) for name, value in node.outputs.items()},
    }


def items_of(node: NodeRun) -> dict[str, int]:
    """Of a ``forEach`` node: how many items there are, and how many completed and failed."""
    assert node.fan is not None
    return {"total": len(node.fan.items), "completed": node.fan.completed, "failed": node.fan.failed}


def _title(state: ExecutionState, node: NodeRun) -> str:
    title = state.plan.definition.nodes[node.index].title
    if title is None:
        return node.planned.id
    for bound in node.planned.display:
        if bound.place[-1:] == ("title",):
            return str(render_display(bound.template, StateNames(state)))
    return title


def _error(error: Diagnostic | None, kind: str) -> dict[str, Any] | None:
    if error is None:
        return None
    return {"code": error.code, "type": kind, "message": error.message, "hint": error.hint}


def short(value: Any) -> str:
    """A value in one line; a reference as what it stands for."""
    kind = type_of(value)
    if kind == "dataframe":
        columns = value["schema"]
        return f"dataframe, {value['rows']} rows, {len(columns)} columns"
    if kind == "file":
        size = value.get("size")
        return f"file, {value.get('format') or '?'}" + (f", {size} bytes" if isinstance(size, int) else "")
    text = value if isinstance(value, str) else repr(_readable(value))
    text = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text[: _SHOWN + 1])
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _readable(value: Any, inside: bool = False) -> Any:
    """Numbers within a list or mapping as people read them: a row of a table has its digits in the store."""
    if isinstance(value, float) and inside and value == value and abs(value) != float("inf"):
        return round(value, 4) if abs(value) >= 1 else float(f"{value:.4g}")
    if isinstance(value, dict) and len(value) <= _SHOWN:
        return {name: _readable(item, True) for name, item in value.items()}
    if isinstance(value, list) and len(value) <= _SHOWN:
        return [_readable(item, True) for item in value]
    return value
