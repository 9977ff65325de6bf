"""How a node leaves without having run to its end: skipped or cancelled, and for which reason."""

from __future__ import annotations

from collections.abc import Iterable

from yamlflow_nb.domain.execution_plan import FALSE
from yamlflow_nb.orchestration.execution_state import ExecutionState, NodeRun
from yamlflow_nb.orchestration.explanation import Cause
from yamlflow_nb.orchestration.judgement import cause_text
from yamlflow_nb.orchestration.lifecycle import BLOCKING_SKIPS

_ASKS_FOR_SUCCESS = frozenset({"completed", "passed", "started", "approved"})


def skip(state: ExecutionState, run: NodeRun, reason: str, because: list[str]) -> None:
    """A pending node is skipped."""
    run.why = "; ".join(because) or None
    state.end_node(run, "skipped", reason, {"reason": reason, "because": because})


def cancel(state: ExecutionState, run: NodeRun, reason: str) -> None:
    """An active node is cancelled; what its attempt had set is dropped."""
    state.stop_work(run, reason)
    run.failed_outputs, run.outputs = run.outputs, {}
    state.end_node(run, "cancelled", reason, {"reason": reason})


def reason_of(state: ExecutionState, causes: Iterable[Cause]) -> tuple[str, list[str]]:
    """The reason of a skip from the leaves that caused it."""
    reason = "unsatisfied"
    because: list[str] = []
    for cause in causes:
        if len(because) < 20:
            because.append(cause_text(state, cause))
        if blocks(state, cause):
            reason = "blocked"
    return reason, because


def blocks(state: ExecutionState, cause: Cause) -> bool:
    """Whether a leaf asks for success or progress of a node that failed, was cancelled, or was kept from running by that."""
    if cause.verdict != FALSE or not cause.even or not cause.source:
        return False
    other = state.nodes.get(cause.source)
    if other is None or (cause.event not in _ASKS_FOR_SUCCESS and cause.event not in other.planned.emits):
        return False
    return other.state in ("failed", "cancelled") or (other.state == "skipped" and other.reason in BLOCKING_SKIPS)
