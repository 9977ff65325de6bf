"""``type: notebook``: a notebook run by papermill in a kernel of its own."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from yamlflow_nb.domain.ports.artifact_store import ArtifactStore
from yamlflow_nb.domain.task_definition import TaskFields, TaskType
from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.executors.declared import declared_outputs, is_reference


class NotebookFields(TaskFields):
    """Fields of a ``notebook`` task."""

    path: str
    kernel: str | None = None
    parametersCell: str | int | None = None
    saveTo: str | None = None
    restart: Literal["fromFailedCell", "fromStart"] = "fromFailedCell"
    isolation: Literal["warm", "fresh"] = "warm"
    env: dict[str, Any] | None = None
    secrets: list[str] | None = None


TASK_TYPE = TaskType(
    name="notebook",
    fields=NotebookFields,
    outputs={"notebook": "file"},
    on_interrupt="retry",
    summary="Runs a notebook; declared outputs are read from its kernel after the last cell.",
)


_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_FILE_OF_CELL = re.compile(r" \(\d+\.py, line \d+\)$")
_LINE = re.compile(r"Cell In\[\d+\], line (\d+)")


class NotebookExecutor:
    """Runs a copy of the notebook in the attempt's folder, in a kernel of its own; the source is never written."""

    api = 1
    task_type = TASK_TYPE

    def __init__(self, artifacts: ArtifactStore) -> None:
        self.artifacts = artifacts

    def execute(self, work: Work) -> Mapping[str, Any]:
        """Run it and give ``notebook`` and the declared outputs. Raises ``TaskFailed``."""
        source = work.folder / str(work.fields["path"])
        if not source.is_file():
            raise TaskFailed("FileNotFoundError", f"there is no notebook {source}")
        work.run_folder.mkdir(parents=True, exist_ok=True)
        executed = work.run_folder / source.name
        names = [name for name in work.declared if name != "notebook"]
        found = self._run(source, executed, names, work)
        return {**declared_outputs(found, work), "notebook": executed}

    def _run(self, source: Path, executed: Path, names: list[str], work: Work) -> dict[str, Any]:
        from jupyter_client.kernelspec import NoSuchKernel
        from nbclient.exceptions import DeadKernelError
        from papermill.exceptions import PapermillExecutionError

        from yamlflow_nb.executors.notebook_run import run_notebook

        environment = {**os.environ, "YAMLFLOW_ARTIFACTS": str(self.artifacts.folder)}
        try:
            return run_notebook(
                source, executed, _assignments(work.inputs), work.fields.get("parametersCell"), names, work.run_folder,
                kernel=work.fields.get("kernel"), cwd=work.folder, env=environment,
            )  # fmt: skip
        except PapermillExecutionError as error:
            raise TaskFailed(error.ename, _told(error, executed), outputs={"notebook": executed}) from None
        except NoSuchKernel as error:
            raise TaskFailed("NoSuchKernel", _kernels(error.name)) from None
        except DeadKernelError:
            raise TaskFailed("KernelDied", "the notebook's kernel died (out of memory, or killed)") from None


def _assignments(inputs: Mapping[str, Any]) -> str:
    """The injected cell: values as literals, references as what reads them, so that the executed copy runs by itself."""
    from papermill.translators import PythonTranslator

    if not inputs:
        return ""
    lines = ["# Parameters"]
    if any(is_reference(value) for value in inputs.values()):
        lines.append("import yamlflow_nb")
    for name, value in inputs.items():
        literal = f'yamlflow_nb.read("artifact:{value["sha256"]}")' if is_reference(value) else PythonTranslator.translate(value)
        lines.append(f"{name} = {literal}")
    return "\n".join(lines)


def _kernels(name: str) -> str:
    from jupyter_client.kernelspec import KernelSpecManager

    return f"there is no kernel `{name}`; installed: {', '.join(sorted(KernelSpecManager().find_kernel_specs())) or 'none'}"


def _told(error: Any, executed: Path) -> str:
    """Cell (as the source notebook counts them), line and error in a few words; the whole traceback is in the executed one."""
    text = _ANSI.sub("", "\n".join(error.traceback or ()))
    lines = _LINE.findall(text)
    where = f"cell {_source_cell(error.cell_index, executed)}" + (f", line {lines[0]}" if lines else "")
    return f"{where}: {_FILE_OF_CELL.sub('', error.evalue)}"


def _source_cell(index: int, executed: Path) -> int:
    """The failing cell as the source counts it, from 1: what a run puts in (the parameters' cell, papermill's notes at the top
    and above the failing cell) is not of the source. ``index`` is the cell's before those two notes."""
    import nbformat

    put_in = {"injected-parameters", "papermill-error-cell-tag"}
    notebook: Any = nbformat.read(executed, as_version=4)  # type: ignore[no-untyped-call]
    cells = notebook.cells[: index + 3]
    return sum(put_in.isdisjoint(cell.metadata.get("tags", ())) for cell in cells)
