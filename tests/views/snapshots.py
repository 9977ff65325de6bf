"""Snapshots as services give them, made by hand where a run would take long."""

from __future__ import annotations


def node(name, state="completed", **told):
    return {
        "id": name, "type": "python", "title": name, "state": state, "reason": None, "attempts": 1, "started_at": 0.0,
        "finished_at": 1.5, "error": None, "why": [f"{name} is {state}"], "startWhen": "", "derived": True,
        "is_finally": False, "items": None, "progress": None, "outputs": {}, **told,
    }  # fmt: skip


def snapshot(nodes, edges=(), **told):
    return {
        "id": "20260101-000000-abcdef", "pipeline": "p", "title": None, "version": None, "status": "running", "reason": None,
        "started_at": 0.0, "finished_at": None, "source_name": "<cell>", "round": 0, "waiting_for": [], "error": None,
        "nodes": nodes, "edges": list(edges), "outputs": {}, "lost": None, **told,
    }  # fmt: skip
