"""How a notebook failed → a few words: cell, line, error; or what became of its kernel. The traceback is in the executed copy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbclient.exceptions import DeadKernelError

from yamlflow_nb.domain.work import TaskFailed
from yamlflow_nb.executors import notebook_run
from yamlflow_nb.executors.kernel_spec import known_kernels
from yamlflow_nb.executors.notebook_run import MAY_EXIT
from yamlflow_nb.executors.process_record import ending

if TYPE_CHECKING:
    from yamlflow_nb.executors.notebook_run import NotebookRun

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_FILE_OF_CELL = re.compile(r" \(\d+\.py, line \d+\)$")
_LINE = re.compile(r"Cell In\[\d+\], line (\d+)")


def cell_failed(run: NotebookRun, error: Any, given: dict[str, Any]) -> TaskFailed:
    """A cell raised."""
    lines = _LINE.findall(_ANSI.sub("", str(error.traceback or "")))
    where = f"cell {run.number(run.cell)}" + (f", line {lines[0]}" if lines else "")
    told = _FILE_OF_CELL.sub("", str(error.evalue)) or str(error.ename)
    if error.ename == "SystemExit":
        code = int(error.evalue) if str(error.evalue).lstrip("-").isdigit() else 0 if error.evalue in ("", "None") else 1
        early = f"sys.exit({error.evalue}) ended the notebook before its last cell"
        hint = f"; tag the cell `{MAY_EXIT}` if that is how it may end" if code == 0 else ""
        return TaskFailed("SystemExit", f"{where}: {early}{hint}", exit_code=code, outputs=given)
    return TaskFailed(str(error.ename), f"{where}: {told}", outputs=given)


def kernel_ended(run: NotebookRun, error: Exception, given: dict[str, Any]) -> TaskFailed:
    """The kernel died, or never came up."""
    if run.began:
        where = f"cell {run.number(run.cell)}: "
        code = None if run.process is None else run.process.poll()
        # One that has ended well may have been ended by us, because of this error.
        if code is None or (code == 0 and not isinstance(error, DeadKernelError)):
            return TaskFailed(type(error).__name__, f"{where}{error or type(error).__name__}", outputs=given)
        if code >= 0:
            said = f"the kernel ended itself (exit code {code}): exit(), quit() or os._exit() end a kernel, not a cell"
            return TaskFailed("KernelDied", where + said, exit_code=code, outputs=given)
        return TaskFailed("KernelDied", f"{where}kernel died ({ending(code)})", exit_code=code, outputs=given)
    code = None if run.process is None else run.process.poll()
    # One that was given up has been ended by us since.
    silent = code is None or "didn't respond" in str(error)
    why = f"did not answer within {notebook_run.STARTUP_SECONDS} s" if silent else f"died while it started ({ending(code)})"
    if run.process is None:
        why = f"cannot be started: {error}"
    said = _last_line(run.work.run_folder / "kernel.log")
    told = f"kernel `{run.kernel}` {why}{f'; it said: {said}' if said else ''}; installed: {known_kernels()}"
    return TaskFailed("KernelNotStarted", told, outputs=given)


def _last_line(path: Path) -> str:
    try:
        lines = [line for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    except OSError:
        return ""
    return lines[-1].strip()[:200] if lines else ""
