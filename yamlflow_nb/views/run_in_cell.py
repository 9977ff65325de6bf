"""A started execution → the cell: shown live, waited for where nobody could look later, failing the cell when it failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yamlflow_nb.views.cell_output import CellOutput
from yamlflow_nb.views.front_end import waits
from yamlflow_nb.views.live_view import LiveView

if TYPE_CHECKING:
    from yamlflow_nb.services.execution import Execution


def run_in_cell(shell: Any, execution: Execution, wait: bool = False, most_a_second: float = 10.0) -> None:
    """Show an execution in the cell that runs now; with ``wait``, or where nobody is before the page, return when it has ended.
    Interrupting a waiting cell cancels the execution. Raises ``ExecutionFailed`` when it was waited for and failed."""
    output = CellOutput(shell)
    if not wait and not waits(shell):
        LiveView(execution, output, most_a_second)
        return
    view = None
    try:
        # A terminal is shown the end alone: nothing there can be drawn again.
        view = LiveView(execution, output, most_a_second) if output.is_live else None
        execution.wait()
    except KeyboardInterrupt:
        execution.cancel()
        execution.wait()
    if view is None:
        view = LiveView(execution, output)
    view.finish()
    execution.raise_if_failed()
