"""``type: notebook``: a notebook run by papermill in a kernel of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from yamlflow_nb.domain.made_of import MadeOf, NotKnown
from yamlflow_nb.domain.task_definition import TaskFields, TaskType
from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.executors.configured import ConfiguredExecutor
from yamlflow_nb.executors.declared import declared_outputs
from yamlflow_nb.executors.given_secrets import environment_of, give_secrets, secret_variables
from yamlflow_nb.executors.source_file import read_source, source_path


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

_NO_CODE = "Module(body=[], type_ignores=[])"
"""What a cell says that holds comments alone."""

if TYPE_CHECKING:
    from yamlflow_nb.executors.notebook_restart import Restart
    from yamlflow_nb.executors.notebook_run import NotebookRun


class NotebookExecutor(ConfiguredExecutor):
    """Runs a copy of the notebook in the attempt's folder, in a kernel of its own; the source is never written."""

    task_type = TASK_TYPE

    def expect(self) -> None:
        """Have kernels ready by the time that notebooks are run."""
        from yamlflow_nb.executors.warm_kernels import KERNELS

        KERNELS.expect()

    def execute(self, work: Work) -> Mapping[str, Any]:
        """Run it and give ``notebook`` and the declared outputs. Raises ``TaskFailed``."""
        from yamlflow_nb.executors.channel import Channel
        from yamlflow_nb.executors.process_record import end_earlier

        give_secrets(work, self.settings)
        variables = environment_of(work)
        source, data = read_source(work, str(work.fields["path"]), "the notebook")
        target = self._target(work, source)
        work.run_folder.mkdir(parents=True, exist_ok=True)
        with Channel(work) as channel:
            environment = {**os.environ, "YAMLFLOW_ARTIFACTS": str(self.artifacts.folder), **channel.environment, **variables}
            run = _prepared(work, source, data, environment)
            end_earlier(work)
            if run.restart is not None:
                run.restart.look()
            try:
                _gone(run)
            finally:
                if target is not None and run.executed.is_file():
                    _copied(run.executed, target)
        outputs = {**declared_outputs(_handed_over(run), work), "notebook": run.executed}
        if run.restart is not None:
            run.restart.completed()
        return outputs

    def made_of(self, work: Work) -> MadeOf:
        """The code cells in their order and the kernel; texts, outputs and comments do not count. Raises ``NotKnown``,
        ``TaskFailed``."""
        from yamlflow_nb.executors.code_text import look_at_code, meaning
        from yamlflow_nb.executors.kernel_spec import kernel_of
        from yamlflow_nb.executors.notebook_text import notebook_of
        from yamlflow_nb.executors.parameters_cell import parameters_cell

        if work.fields.get("saveTo") is not None:
            raise NotKnown("`saveTo` has a copy written each time")
        made = MadeOf()
        source, data = read_source(work, str(work.fields["path"]), "the notebook")
        notebook = notebook_of(source, data)
        kernel, language = kernel_of(work, notebook)
        cells = [str(cell.source) for cell in notebook.cells if cell.cell_type == "code"]
        placed = [number for number, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
        parameters = parameters_cell(notebook, work.fields.get("parametersCell"))
        told = [meaning(cell) if language == "python" else cell for cell in cells]
        made.parts["code"] = repr([cell for cell in told if cell != _NO_CODE])
        made.parts["parameters' cell"] = "" if parameters not in placed else repr(told[placed.index(parameters)])
        made.parts["kernel"] = f"{kernel} {language}"
        for cell in cells:
            look_at_code(cell, work.folder, made)
        return made

    @staticmethod
    def _target(work: Work, source: Path) -> Path | None:
        """Where ``saveTo`` wants a copy: below the pipeline's folder, and not on the source itself."""
        named = work.fields.get("saveTo")
        if named is None:
            return None
        target = source_path(work, str(named), "`saveTo`")
        if target == source or target.is_dir():
            raise TaskFailed("PathError", f"`saveTo` {named!r} is the notebook itself, or a folder: name another file")
        return target


def _prepared(work: Work, source: Path, data: bytes, environment: dict[str, str]) -> NotebookRun:
    """The run of a notebook with its parameters put in. Raises ``TaskFailed`` for what can be known before a kernel starts."""
    from yamlflow_nb.executors.executed_copy import with_ids
    from yamlflow_nb.executors.kernel_spec import kernel_of
    from yamlflow_nb.executors.notebook_run import NotebookRun
    from yamlflow_nb.executors.notebook_text import notebook_of
    from yamlflow_nb.executors.parameters_cell import assignments, check_known, inject

    notebook = with_ids(notebook_of(source, data))
    kernel, language = kernel_of(work, notebook)
    check_known(notebook, work, language)
    injected = inject(notebook, assignments(work.inputs, language), work.fields.get("parametersCell"))
    run = NotebookRun(work, notebook, kernel, work.run_folder / source.name, environment, injected)
    run.hand_over = _hand_over(work, language)
    if language == "python":
        run.restart = _restart(run)
    return run


def _restart(run: NotebookRun) -> Restart:
    """What it takes to go on from the cell at which an attempt of this notebook failed."""
    from yamlflow_nb.executors.notebook_restart import Restart

    work, cells = run.work, run.notebook.cells
    places = [
        place for place, cell in enumerate(cells)
        if cell.cell_type == "code" and cell.source.strip() and "skip-execution" not in cell.metadata.get("tags", ())
    ]  # fmt: skip
    restart = Restart(work, run.notebook, places, secret_variables(work), run.number)
    emit, output = work.emit, work.output

    def heard(name: str, payload: Mapping[str, Any]) -> None:
        restart.spoke("emit", run.cell)
        emit(name, payload)

    def told(values: Mapping[str, Any]) -> None:
        restart.spoke("output", run.cell)
        output(values)

    work.emit, work.output = heard, told
    return restart


_NAMES_FILE = ".outputs.json"


def _hand_over(work: Work, language: str) -> str:
    """The code by which the kernel gives its outputs. A kernel of another environment finds this package's files there, too."""
    names = [name for name in work.declared if name != "notebook"]
    if not names:
        return ""
    if language != "python":
        raise TaskFailed("NotSupported", f"outputs can be read from kernels of Python only, not of {language}")
    (work.run_folder / _NAMES_FILE).unlink(missing_ok=True)
    home = str(Path(__file__).parents[2])
    return (
        "try:\n    import yamlflow_nb.executors.handed_over as _yf\n"
        f"except ModuleNotFoundError:\n    import sys as _yf\n    _yf.path.append({home!r})\n"
        "    import yamlflow_nb.executors.handed_over as _yf\n"
        f"_yf.give(globals(), {names!r}, {str(work.run_folder / _NAMES_FILE)!r})"
    )


def _gone(run: NotebookRun) -> None:
    """Run it to its end. Raises ``TaskFailed``, told as a person wants to read it."""
    from yamlflow_nb.executors.notebook_errors import cell_failed, kernel_ended

    given = {"notebook": run.executed}
    try:
        run.go()
    except Exception as error:  # of the kernel and its messages; jupyter_client and zmq have no common class
        if run.work.stopped():
            raise TaskFailed("Stopped", "the notebook was stopped", outputs=given) from None
        raise kernel_ended(run, error, given) from None
    if run.work.stopped():
        raise TaskFailed("Stopped", "the notebook was stopped", outputs=given)
    if run.failed is not None:
        raise cell_failed(run, run.failed, given)


def _handed_over(run: NotebookRun) -> dict[str, Any]:
    from yamlflow_nb.executors.handed_over import taken

    path = run.work.run_folder / _NAMES_FILE
    if not run.hand_over or run.kernel_left:
        return {}
    try:
        return taken(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TaskFailed("OutputError", "the kernel did not hand its outputs over") from None
    finally:
        path.unlink(missing_ok=True)


def _copied(executed: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    scratch = target.with_name(f".{target.name}.part")
    shutil.copyfile(executed, scratch)
    os.replace(scratch, target)
