"""``%%pipeline`` and ``%pipeline``: pipelines in a cell. Nothing of the engine is loaded before a cell asks for it."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring
from traitlets import Bool, Float, Unicode

if TYPE_CHECKING:
    from yamlflow_nb.services.execution import Execution
    from yamlflow_nb.services.execution_service import ExecutionService


@magics_class
class PipelineMagics(Magics):
    """The magics of ``%load_ext yamlflow_nb``. What a person can mend is raised as it is: it shows itself without a traceback."""

    wait = Bool(False, help="let every %%pipeline cell wait until its pipeline has ended").tag(config=True)
    store = Unicode("", help="the store of cells that name none; empty: the configured one").tag(config=True)
    updates_a_second = Float(10.0, help="how often a running pipeline is drawn again at most").tag(config=True)

    @no_var_expand
    @magic_arguments()
    @argument("name", nargs="?", help="the variable that gets the execution")
    @argument("--wait", action="store_true", help="wait until it has ended, and fail the cell when the pipeline fails")
    @argument("--input", "-i", action="append", default=[], metavar="K=V", help="an input; V is JSON or a text")
    @argument("--inputs", action="append", default=[], metavar="VAR", help="a mapping of inputs, or a variable named as its input")
    @argument("--dry-run", action="store_true", help="say what is wrong with it and draw it, run nothing")
    @argument("--store", metavar="URL", help="another store than the configured one")
    @cell_magic
    def pipeline(self, line: str, cell: str) -> None:
        """Run the pipeline in this cell, below it a picture that goes on changing; the kernel is free at once."""
        options = self._options(line)
        if options.name and not options.name.isidentifier():
            raise _misuse(f"{options.name!r} cannot be a variable", "for example %%pipeline run")
        if options.dry_run:
            from yamlflow_nb.views.dry_run import dry_run

            dry_run(cell)
            return
        self.run(cell, self.inputs(options), options.name, options.wait, options.store)

    @no_var_expand
    @line_magic("pipeline")  # type: ignore[arg-type]
    def commands(self, line: str) -> Any:
        """demo, init, list, show, attach, result, why, approvals, approve, reject, cancel, pause, resume, simulate: ``%pipeline
        help`` tells each."""
        from yamlflow_nb.views.commands import command

        return command(self, line)

    def run(
        self, text: str, inputs: Mapping[str, Any], name: str | None = None, wait: bool = False, store: str | None = None
    ) -> None:
        """Start a pipeline's text and show it below the cell; ``name`` is the variable that gets the execution."""
        from yamlflow_nb.views.run_in_cell import run_in_cell

        execution = self.executions(store).start(text, inputs, name="<cell>", namespace=self.names)
        if name:
            self.names[name] = execution
        run_in_cell(self.shell, execution, wait or self.wait, self.updates_a_second)

    def inputs(self, options: Any) -> dict[str, Any]:
        """What ``--inputs`` and ``--input`` give; the latter wins."""
        from yamlflow_nb.services.given_inputs import given_inputs

        found: dict[str, Any] = {}
        for name in options.inputs:
            if name not in self.names:
                raise _misuse(f"--inputs {name}: there is no such variable", "for example inputs = {'month': 3}")
            value = self.names[name]
            found.update(value if isinstance(value, Mapping) else {name: value})
        return found | given_inputs(options.input)

    def executions(self, store: str | None, to_read: bool = False) -> ExecutionService:
        """The executions of a store, or of the configured one. ``to_read``: a store that is named must be there."""
        from yamlflow_nb import bootstrap

        return bootstrap.services(store or self.store or None, to_read=to_read).executions

    @property
    def names(self) -> dict[str, Any]:
        """The kernel's variables."""
        assert self.shell is not None
        names: dict[str, Any] = self.shell.user_ns
        return names

    def _options(self, line: str) -> Any:
        try:
            return parse_argstring(self.pipeline, line)
        except UsageError as error:
            from yamlflow_nb.views.arguments import nearest_flag

            raise _misuse(f"%%pipeline {line}: {error}", nearest_flag(str(error), self.pipeline.parser)) from None


def _misuse(message: str, hint: str | None = None) -> Exception:
    from yamlflow_nb.services.command_error import CommandError

    return CommandError("YF712", message, hint)


def _bundled(execution: Execution, include: Any = None, exclude: Any = None) -> dict[str, Any]:
    from yamlflow_nb.views.bundle import bundle_of

    return bundle_of(execution)


def load_ipython_extension(shell: Any) -> None:
    """Registers the magics, and how an execution is shown."""
    from yamlflow_nb.views import completion

    shell.register_magics(PipelineMagics)
    completion.install(shell)
    shell.display_formatter.mimebundle_formatter.for_type_by_name("yamlflow_nb.services.execution", "Execution", _bundled)
    if hasattr(shell, "kernel"):
        # While a person reads on: the first pipeline finds its engine loaded. An import that fails will fail again where it counts.
        threading.Thread(target=_load_engine, name="yamlflow-load", daemon=True).start()


def _load_engine() -> None:
    with suppress(Exception):
        bootstrap = import_module("yamlflow_nb.bootstrap")
        bootstrap.preload()
        import_module("yamlflow_nb.views.run_in_cell")
        tried = bootstrap.pipelines().planned(import_module("yamlflow_nb.views.demo").pipeline_text())
        import_module("yamlflow_nb.views.bundle").bundle(tried)
