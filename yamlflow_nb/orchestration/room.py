"""Room for attempts: a node with ``resources`` starts when its pool has room. Which pool has how much is the world's to know;
here is who waits. (In ``simulate`` nobody does.)"""

from __future__ import annotations

from collections.abc import Callable
from typing import Optional

from yamlflow_nb.domain.decision import AskRoom
from yamlflow_nb.orchestration.execution_state import ExecutionState, ItemRun, NodeRun

Start = Callable[[ExecutionState, NodeRun, ItemRun, Optional[int]], None]


def start(state: ExecutionState, run: NodeRun, item: int | None, begin: Start) -> None:
    """``begin`` an attempt at once, or ask for room first. A ``forEach`` container needs none: each of its items does."""
    slot: ItemRun = run if item is None or run.fan is None else run.fan.runs[item]
    planned = run.planned
    container = item is None and run.fan is not None
    if not state.rationed or planned.demand is None or container or planned.id in state.scripted:
        begin(state, run, slot, item)
        return
    if item is not None:
        slot.state = "queued"
    state.room_asked[planned.id, item] = None
    state.decide(AskRoom(planned.id, item, planned.demand, planned.priority))


def granted(state: ExecutionState, node: str, item: int | None) -> tuple[NodeRun, ItemRun] | None:
    """Whose attempt starts now that there is room; None where nobody waits for it any more, or a pause holds it."""
    if state.paused or (node, item) not in state.room_asked:
        return None
    del state.room_asked[node, item]
    run = state.nodes[node]
    if item is None or run.fan is None:
        return run, run
    slot = run.fan.runs[item]
    slot.state = "running"
    return run, slot


def ask_again(state: ExecutionState) -> None:
    """Ask for everybody who waits: another process drives the execution now, or a pause is over."""
    for node, item in state.room_asked:
        planned = state.nodes[node].planned
        assert planned.demand is not None
        state.decide(AskRoom(node, item, planned.demand, planned.priority))


def let_go(state: ExecutionState, node: str) -> list[int]:
    """The items of a node that waited for room, and wait no more."""
    waited = [item for name, item in state.room_asked if name == node and item is not None]
    for item in waited:
        del state.room_asked[node, item]
    return waited


def told(state: ExecutionState, run: NodeRun) -> str:
    """What room a node, or how many of its items, waits for; empty where none does."""
    waiting = [item for node, item in state.room_asked if node == run.planned.id]
    demand = run.planned.demand
    if not waiting or demand is None:
        return ""
    who = "" if waiting == [None] else f"{len(waiting)} items: "
    memory = f" and {demand.memory:.0f} bytes of memory" if demand.memory else ""
    return f"queued: {who}waits for {demand.slots:g} slot{'' if demand.slots == 1 else 's'}{memory} of the pool `{demand.pool}`"
