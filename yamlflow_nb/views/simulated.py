"""What a pipeline would do → its graph as it would end, and the events on the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from IPython.display import display

if TYPE_CHECKING:
    from yamlflow_nb.services.execution import Execution
    from yamlflow_nb.services.node_view import NodeView


def as_it_went(execution: Execution) -> dict[str, Any]:
    """What each node of an execution gave, as the outcome of the same node in a simulation: so that conditions see values."""
    return {name: _outcome(node) for name, node in execution.nodes.items() if node.state in ("completed", "failed")}


def _outcome(node: NodeView) -> Any:
    took = max(0.0, (node.finished_at or 0.0) - (node.started_at or 0.0))

    def outcome(item: Any = None, index: int = 0, attempt: int = 1) -> dict[str, Any]:
        """Of one item of a ``forEach``: its place in each array."""
        given = {name: _at(value, index) for name, value in node.outputs.items()}
        return {"state": node.state, "outputs": given, "duration": took}

    return outcome if node.is_for_each else {"state": node.state, "outputs": dict(node.outputs), "duration": took}


def _at(values: Any, index: int) -> Any:
    return values[index] if isinstance(values, list) and index < len(values) else None


def simulate(source: Any, inputs: Mapping[str, Any], outcomes: Mapping[str, Any] | None = None) -> None:
    """Run a text or file in virtual time and show it; ``outcomes`` are what its nodes give."""
    from yamlflow_nb import bootstrap
    from yamlflow_nb.views.bundle import bundle

    pipelines = bootstrap.pipelines()
    done = pipelines.simulate(source, inputs, outcomes)
    shown = pipelines.planned(source, "simulated")
    for node in shown["nodes"]:
        became = done.nodes[node["id"]]
        node.update(
            state=became.state, reason=became.reason, attempts=became.attempts, started_at=became.started_at,
            finished_at=became.finished_at, error=None if became.error is None else {
                "code": became.error.code, "type": "", "message": became.error.message, "hint": became.error.hint,
            },
        )  # fmt: skip
    shown |= {"status": done.status, "reason": done.reason, "waiting_for": list(done.waiting_for)}
    display(bundle(shown), raw=True)  # type: ignore[no-untyped-call]
    print("\n".join(f"{at:>10.3f} s  {event}" for at, event, _ in done.events))  # noqa: T201
    print("nothing was executed")  # noqa: T201
