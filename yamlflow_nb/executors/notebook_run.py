"""One run of a notebook by papermill, and what its kernel held under some names after the last cell.

Success is told by the run itself, never by the saved copy: papermill marks every cell completed, also after its kernel died.
Papermill gets the notebook, never a path: it would put values into names of files.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from jupyter_core.utils import ensure_event_loop
from nbclient.exceptions import CellExecutionError
from nbclient.util import run_sync
from papermill.engines import NBClientEngine, papermill_engines

from yamlflow_nb.domain.work import Work
from yamlflow_nb.executors.cell_output import CellOutput, joined
from yamlflow_nb.executors.executed_copy import save_copy
from yamlflow_nb.executors.ladder import climb
from yamlflow_nb.executors.notebook_restart import Restart
from yamlflow_nb.executors.printed import Lines
from yamlflow_nb.executors.process_record import forget_process, record_process, signal_steps
from yamlflow_nb.executors.warm_client import TakenManager, WarmClient

_quiet = logging.getLogger("yamlflow_nb.kernels")
_quiet.addHandler(logging.NullHandler())
_quiet.propagate = False
"""What a client says of its kernel is told by us, and not twice."""
_ENGINE = "yamlflow_nb"
STARTUP_SECONDS = 60
OUTPUT_SECONDS = 60
"""What a cell had said may arrive so long after it ended: thirty megabytes on a busy machine take a while."""
MAY_EXIT = "may-exit"
"""Tag of a cell that may end the notebook early by ``sys.exit(0)``, and well."""


@dataclass
class NotebookRun:
    """One run as it goes: where it is, and how it ended. ``injected`` is the place of the parameters that were put in."""

    work: Work
    notebook: Any
    kernel: str
    executed: Path
    environment: dict[str, str]
    injected: int | None = None
    hand_over: str = ""
    restart: Restart | None = None
    cell: int = 0
    began: bool = False
    failed: CellExecutionError | None = None
    exited: bool = False
    kernel_left: bool = False
    process: Any = None
    ended: threading.Event = field(default_factory=threading.Event)

    def go(self) -> None:
        """Run all cells. Raises nbclient's errors when the kernel does not start, or dies."""
        self.notebook.metadata.setdefault("papermill", {})
        take_back = self.work.on_stop(self._stop)
        try:
            papermill_engines.execute_notebook_with_engine(
                _ENGINE, self.notebook, kernel_name=self.kernel, output_path=None, progress_bar=False, log_output=False,
                autosave_cell_every=0, run=self,
            )  # fmt: skip
        finally:
            self.ended.set()
            take_back()
            forget_process(self.work.run_folder)
            # The client's own, of this thread: it would hold its files open until the thread ends.
            ensure_event_loop().close()
            self.save()

    def save(self) -> None:
        save_copy(self.notebook, self.executed, self.work.masked)

    def number(self, place: int) -> int:
        """The number of a cell as the source counts it, from 1."""
        return place + 1 - (self.injected is not None and place > self.injected)

    def code_cells(self) -> list[int]:
        """The places of the source's cells that do something."""
        cells = enumerate(self.notebook.cells)
        return [place for place, cell in cells if place != self.injected and cell.cell_type == "code" and cell.source.strip()]

    def started(self, process: Any) -> None:
        """The kernel's process is there."""
        self.process = process
        record_process(self.work.run_folder, process.pid)
        if self.work.stopped():
            process.kill()

    def _stop(self) -> None:
        def gone(seconds: float) -> bool:
            return self.ended.wait(seconds)

        if self.process is None:
            return
        if not climb(signal_steps(self.process.pid), gone, self.work.log):
            self.work.note(f"the kernel of `{self.work.attempt.node}`, process {self.process.pid}, could not be stopped")


class _Client(WarmClient):
    """Runs the cells, watches what they say, then asks the kernel for the outputs in a cell that is not kept."""

    def __init__(self, *arguments: Any, run: NotebookRun, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.run = run
        self.says: CellOutput | None = None
        self.starts_over = False
        if run.restart is not None and run.restart.earlier is None:
            self.watched = run.restart.given()

    def execute(self, **options: Any) -> Any:
        self.reset_execution_trackers()
        with self.setup_kernel(**options):
            if not self._fit():
                self.starts_over = True
                return self.nb
            self.papermill_execute_cells()
            if self.run.failed is None and not self.run.kernel_left and not self.run.work.stopped():
                self._hand_over()
            self.set_widgets_metadata()
            if self.run.work.stopped():
                self.shutdown_kernel = "immediate"
        return self.nb

    async def async_start_new_kernel(self, **options: Any) -> None:
        await super().async_start_new_kernel(**options)
        manager: Any = self.km
        self.run.started(manager.provisioner.process)

    # nbclient's synchronous form calls its own class's, not this one.
    start_new_kernel = run_sync(async_start_new_kernel)

    def papermill_execute_cells(self) -> None:
        run = self.run
        counted = run.code_cells()
        restored = run.restart.places[: run.restart.done] if run.restart is not None else []
        run.work.progress(len(set(counted) & set(restored)), len(counted), "cells")
        for place, cell in enumerate(self.nb.cells):
            if place in restored:
                continue
            if run.work.stopped() or run.failed is not None or run.exited:
                return
            self._cell(place, cell)
            if place in counted and run.failed is None:
                run.work.progress(counted.index(place) + 1, len(counted), "cells")

    def _cell(self, place: int, cell: Any) -> None:
        run = self.run
        run.cell, run.began = place, True
        self.says = CellOutput(Lines(run.work.log))
        self.nb_man.cell_start(cell, place)
        try:
            self.execute_cell(cell, place)
        except CellExecutionError as error:
            if error.ename == "SystemExit" and error.evalue in ("", "0", "None") and MAY_EXIT in cell.metadata.get("tags", ()):
                run.exited = True
                run.work.log(f"cell {run.number(place)} ended the notebook by sys.exit(0), as its tag `{MAY_EXIT}` allows")
            else:
                self.nb_man.cell_exception(cell, cell_index=place, exception=error)
                run.failed = error
        finally:
            if cell.cell_type == "code":
                cell.outputs = joined(cell.outputs)
            left_out = self.says.end()
            if left_out:
                cell.outputs.append(nbformat.v4.new_output("stream", name="stderr", text=left_out))
                run.work.log(left_out.strip())
            self.nb_man.cell_complete(cell, cell_index=place)
            run.save()

    def _fit(self) -> bool:
        """Have the kernel keep its state from here on, and bring back that of an earlier attempt; False when it has to be another
        kernel."""
        if self.run.restart is None:
            return True
        try:
            if self.watched is None or not isinstance(self.km, TakenManager):
                self._aside(self.run.restart.code())
        except CellExecutionError:
            pass  # a kernel of an environment without this package, or an old one: nothing is kept, and nothing brought back
        return self.run.restart.taken()

    def _hand_over(self) -> None:
        if self.run.hand_over:
            self.says = None
            self._aside(self.run.hand_over)

    def _aside(self, code: str) -> None:
        """Run something in the kernel that is no cell of the notebook."""
        self.nb.cells.append(nbformat.v4.new_code_cell(code))
        try:
            self.execute_cell(self.nb.cells[-1], len(self.nb.cells) - 1, store_history=False)
        finally:
            self.nb.cells.pop()

    async def _check_raise_for_error(self, cell: Any, cell_index: int, exec_reply: Any) -> None:
        await super()._check_raise_for_error(cell, cell_index, exec_reply)
        payload = (exec_reply or {}).get("content", {}).get("payload") or ()
        if any(told.get("source") == "ask_exit" for told in payload):
            # exit() and quit() raise nothing in a kernel: they end it behind the cell.
            self.run.kernel_left = True
            raise CellExecutionError("", "SystemExit", "0")

    def output(self, outs: Any, msg: Any, display_id: Any, cell_index: int) -> Any:
        if self.says is not None and not self.says.accepts(msg):
            return None
        return super().output(outs, msg, display_id, cell_index)


class _Engine(NBClientEngine):  # type: ignore[misc]
    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> Any:
        run: NotebookRun = options["run"]
        client = cls._executed(nb_man, kernel_name, run)
        if client.starts_over:
            run.process = None
            client = cls._executed(nb_man, kernel_name, run)
        return client.nb

    @staticmethod
    def _executed(nb_man: Any, kernel_name: str, run: NotebookRun) -> _Client:
        # What a kernel says beside its cells would stand between the lines of whoever runs the pipeline.
        beside = run.work.run_folder / "kernel.log"
        client = _Client(
            nb_man, run=run, kernel_name=kernel_name, timeout=None, startup_timeout=STARTUP_SECONDS, log_output=False,
            iopub_timeout=OUTPUT_SECONDS,
            log=_quiet, resources={"metadata": {"path": str(run.work.folder)}},
            warm=run.work.fields.get("isolation", "warm") == "warm", beside=beside,
        )  # fmt: skip
        with beside.open("ab") as log:
            client.execute(env=run.environment, stdout=log, stderr=log)
        return client


papermill_engines.register(_ENGINE, _Engine)
