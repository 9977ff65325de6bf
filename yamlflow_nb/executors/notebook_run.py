"""One run of a notebook by papermill, and what its kernel held under some names after the last cell.

Success is told by the run itself, never by the saved copy: papermill marks every cell completed, also after its kernel died.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.execute import execute_notebook

from yamlflow_nb.domain.work import TaskFailed
from yamlflow_nb.executors.handed_over import taken

_ENGINE = "yamlflow_nb"


class _Client(PapermillNotebookClient):  # type: ignore[misc]
    """Runs the cells, then asks the kernel for the outputs in a cell that is not kept."""

    def __init__(self, *arguments: Any, hand_over: str, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.hand_over = hand_over

    def papermill_execute_cells(self) -> None:
        super().papermill_execute_cells()
        if not self.hand_over or any(cell.metadata.get("papermill", {}).get("exception") for cell in self.nb.cells):
            return
        self.nb.cells.append(nbformat.v4.new_code_cell(self.hand_over))
        try:
            self.execute_cell(self.nb.cells[-1], len(self.nb.cells) - 1, store_history=False)
        finally:
            self.nb.cells.pop()


class _Engine(NBClientEngine):  # type: ignore[misc]
    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> Any:
        client = _Client(
            nb_man, kernel_name=kernel_name, hand_over=options["hand_over"], timeout=None, startup_timeout=60,
            log_output=False, resources={"metadata": {"path": options["kernel_folder"]}},
        )  # fmt: skip
        # What a kernel says beside its cells would stand between the lines of whoever runs the pipeline.
        with options["kernel_log"].open("ab") as log:
            return client.execute(env=options["env"], stdout=log, stderr=log)


papermill_engines.register(_ENGINE, _Engine)


def run_notebook(
    source: Path,
    executed: Path,
    assignments: str,
    parameters_cell: str | int | None,
    names: list[str],
    folder: Path,
    *,
    kernel: str | None,
    cwd: Path,
    env: dict[str, str],
) -> dict[str, Any]:
    """Run a copy of ``source`` as ``executed`` and give the values of ``names``. Raises papermill's and nbclient's errors."""
    notebook = _read(source)
    if assignments:
        _inject(notebook, assignments, parameters_cell)
    prepared = folder / f".prepared-{source.name}"
    nbformat.write(notebook, prepared)
    handed = folder / ".outputs.json"
    hand_over = f"import yamlflow_nb.executors.handed_over as _yf\n_yf.give(globals(), {names!r}, {str(handed)!r})" if names else ""
    try:
        execute_notebook(
            str(prepared), str(executed), engine_name=_ENGINE, kernel_name=kernel, progress_bar=False, log_output=False,
            hand_over=hand_over, env=env, kernel_folder=str(cwd),
            kernel_log=folder / "kernel.log",
        )  # fmt: skip
    finally:
        prepared.unlink(missing_ok=True)
    if not names:
        return {}
    try:
        return taken(handed.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TaskFailed("OutputError", "the kernel did not hand its outputs over") from None
    finally:
        handed.unlink(missing_ok=True)


def _read(source: Path) -> Any:
    try:
        return nbformat.read(source, as_version=4)
    except OSError as error:
        raise TaskFailed("FileNotFoundError", f"the notebook {source} cannot be read: {error.strerror}") from None
    except Exception as error:  # no UTF-8, no JSON, no notebook, of a later format: nbformat has no common class for them
        raise TaskFailed("NotANotebook", f"{source} cannot be read as a notebook: {str(error).splitlines()[0][:200]}") from None


def _inject(notebook: Any, assignments: str, parameters_cell: str | int | None) -> None:
    """Put the assignments behind the parameters' cell (by tag, default ``parameters``, or by number from 1), else first."""
    wanted = parameters_cell if parameters_cell is not None else "parameters"
    position = 0
    for index, cell in enumerate(notebook.cells):
        if wanted == index + 1 or wanted in cell.metadata.get("tags", ()):
            position = index + 1
            break
    cell = nbformat.v4.new_code_cell(assignments, metadata={"tags": ["injected-parameters"]}, id="injected-parameters")
    notebook.cells.insert(position, cell)
