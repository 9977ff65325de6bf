"""What a pipeline would do → its graph as it would end, and the events on the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from IPython.display import display


def simulate(source: Any, inputs: Mapping[str, Any]) -> None:
    """Run a text or file in virtual time and show it."""
    from yamlflow_nb import bootstrap
    from yamlflow_nb.views.bundle import bundle

    pipelines = bootstrap.pipelines()
    done = pipelines.simulate(source, inputs)
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
