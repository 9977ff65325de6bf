"""An execution → the output of its cell, drawn again as it goes on, while the kernel is free for other cells."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from yamlflow_nb.views.bundle import bundle
from yamlflow_nb.views.cell_output import CellOutput
from yamlflow_nb.views.gallery import gallery

if TYPE_CHECKING:
    from yamlflow_nb.services.execution import Execution

ENDED = ("completed", "failed", "cancelled")
_SHARE = 0.2
"""Of one core, at most so much goes into drawing: large pipelines are drawn less often."""


class LiveView:
    """Draws an execution at once, and again whenever it has changed: changes that come close together are drawn together."""

    def __init__(self, execution: Execution, output: CellOutput, most_a_second: float = 10.0) -> None:
        self._execution = execution
        self._output = output
        self._pause = 1 / max(most_a_second, 0.1)
        self._last: dict[str, Any] | None = None
        self._version = execution.version
        self._draw()
        self._thread = threading.Thread(target=self._follow, name=f"yamlflow-view-{execution.id}", daemon=True)
        if output.is_live and not self._is_over:
            self._thread.start()

    def finish(self) -> None:
        """Return when the end has been drawn; the execution has ended, or nobody waits for its end."""
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def _is_over(self) -> bool:
        status = self._last["status"] if self._last is not None else ""
        # Somebody may go on with an interrupted execution; but not this handle with one that this process gave up.
        return status in ENDED or (status == "interrupted" and self._execution.is_given_up)

    def _follow(self) -> None:
        seen = self._version
        try:
            while not self._is_over:
                seen = self._execution.wait_for_change(seen, 60.0)
                began = time.monotonic()
                self._draw()
                took = time.monotonic() - began
                if not self._is_over:
                    time.sleep(max(self._pause, took / _SHARE) - took)
        except Exception as error:  # a thread's traceback would be printed into whatever cell runs now
            told = f"this view cannot go on ({error}); the run does: %pipeline attach {self._execution.id}"
            self._output.show({"text/plain": told})

    def _draw(self) -> None:
        snapshot = self._execution.snapshot()
        if snapshot != self._last:
            self._last = snapshot
            self._output.show(bundle(snapshot, gallery(self._execution.outputs)))
