"""A plan as views draw it, before anything has run."""

from __future__ import annotations

from typing import Any

from yamlflow_nb.domain.execution_plan import ExecutionPlan
from yamlflow_nb.services.edges import edges


def planned(plan: ExecutionPlan, source_name: str) -> dict[str, Any]:
    """The shape of an execution's snapshot, every node pending."""
    definition = plan.definition
    nodes: list[dict[str, Any]] = [
        {
            "id": node.id, "type": node.type, "title": definition.nodes[node.index].title or node.id, "state": "pending",
            "reason": None, "attempts": 0, "started_at": None, "finished_at": None, "error": None, "why": [],
            "startWhen": node.start.text, "derived": node.derived_start, "is_finally": node.is_finally, "items": None,
            "progress": None, "outputs": {},
        }
        for node in plan.nodes
    ]  # fmt: skip
    return {
        "id": source_name, "pipeline": definition.name, "title": definition.title, "version": definition.version,
        "status": "not started", "reason": None, "started_at": None, "finished_at": None, "source_name": source_name,
        "round": 0, "waiting_for": [], "error": None, "nodes": nodes, "edges": edges(plan), "outputs": {}, "lost": None,
    }  # fmt: skip
