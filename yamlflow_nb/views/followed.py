"""An execution below its cell, drawn again as it goes on, while the kernel is free for other cells."""

from __future__ import annotations

import threading
import time

from IPython.display import display

from yamlflow_nb.services.execution import Execution

_AT_MOST_EVERY = 0.3
"""Seconds between two drawings: a thousand quick nodes must not flood the page."""


def follow(execution: Execution) -> threading.Thread:
    """Show it now, and again whenever it changes, until it has ended.

    The thread updates one display by its id and prints nothing: an update finds its cell, a print would land in another's.
    """
    shown = display(execution, display_id=True)  # type: ignore[no-untyped-call]

    def go_on() -> None:
        seen = -1
        while not _over(execution):
            seen = execution.wait_for_change(seen, 5.0)
            shown.update(execution)
            time.sleep(_AT_MOST_EVERY)
        shown.update(execution)

    thread = threading.Thread(target=go_on, name=f"yamlflow-view-{execution.id}", daemon=True)
    thread.start()
    return thread


def _over(execution: Execution) -> bool:
    return execution.status in ("completed", "failed", "cancelled", "interrupted")
