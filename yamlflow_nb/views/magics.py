"""``%%pipeline`` and ``%pipeline``: pipelines in a cell."""

from __future__ import annotations

import sys
from typing import Any

from IPython.core.error import UsageError
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring

from yamlflow_nb import bootstrap
from yamlflow_nb.domain.diagnostic import DiagnosticError
from yamlflow_nb.services.execution import Execution
from yamlflow_nb.services.given_inputs import given_inputs
from yamlflow_nb.services.run_text import as_text
from yamlflow_nb.views.html import as_html

_HELP = """%%pipeline [--input k=v] [--dry-run]   run the cell's YAML and show it
%pipeline list                         the newest executions
%pipeline show [ID]                    one execution as a tree
%pipeline why NODE [ID]                why a node started, did not start or still waits"""


class PipelineProblem(UsageError):
    """What a person can mend: shown as it is, without a traceback."""


@magics_class
class PipelineMagics(Magics):
    """The magics of ``%load_ext yamlflow_nb``."""

    @no_var_expand
    @magic_arguments()
    @argument("name", nargs="?", help="the variable that gets the execution (default: only the cell's result)")
    @argument("--input", "-i", action="append", default=[], metavar="K=V", help="an input; V is JSON or a text")
    @argument("--inputs", metavar="VAR", help="a mapping of the kernel with the inputs")
    @argument("--dry-run", action="store_true", help="say what is wrong with it, run nothing")
    @argument("--wait", action="store_true", help="wait until it has ended, and fail the cell when the pipeline fails")
    @argument("--store", help="another store than the configured one")
    @cell_magic
    def pipeline(self, line: str, cell: str) -> Execution | None:
        """Run the pipeline in this cell."""
        options = parse_argstring(self.pipeline, line)
        try:
            if options.dry_run:
                found = bootstrap.pipelines().validate(cell, "<cell>")
                print("\n\n".join(one.render() for one in found) or "nothing is wrong with it")  # noqa: T201
                return None
            execution = self._run(cell, options)
        except DiagnosticError as error:
            raise PipelineProblem(str(error)) from None
        if options.name:
            self._names[options.name] = execution
        return execution

    @property
    def _names(self) -> dict[str, Any]:
        assert self.shell is not None
        names: dict[str, Any] = self.shell.user_ns
        return names

    def _run(self, cell: str, options: Any) -> Execution:
        inputs = dict(self._names[options.inputs]) if options.inputs else {}
        inputs.update(given_inputs(options.input))
        services = bootstrap.services(options.store)
        execution = services.executions.start(cell, inputs, name="<cell>", namespace=self._names)
        try:
            execution.wait(or_waiting=True)
        except KeyboardInterrupt:
            execution.cancel()
            execution.wait()
        if execution.status in ("failed", "cancelled"):
            sys.stdout.flush()
            if options.wait:
                execution.raise_if_failed()
        return execution

    @line_magic("pipeline")  # type: ignore[arg-type]
    def commands(self, line: str) -> Execution | None:
        """list, show, why, help."""
        verb, *rest = line.split() or ["help"]
        executions = bootstrap.services().executions
        try:
            if verb == "show":
                return executions.get(rest[0] if rest else None)
            if verb == "why" and rest:
                print(executions.why(rest[1] if len(rest) > 1 else None, rest[0]))  # noqa: T201
            elif verb == "list":
                for record in executions.list():
                    print(f"{record.id}  {record.pipeline}  {record.status}")  # noqa: T201
            elif verb == "help":
                print(_HELP)  # noqa: T201
            else:
                raise PipelineProblem(f"%pipeline {line}: not known. {_HELP}")
        except DiagnosticError as error:
            raise PipelineProblem(str(error)) from None
        return None


def load_ipython_extension(shell: Any) -> None:
    """Registers the magics, and how an execution is shown."""
    shell.register_magics(PipelineMagics)
    formatters = shell.display_formatter.formatters
    formatters["text/html"].for_type(Execution, lambda execution: as_html(execution.snapshot()))
    formatters["text/plain"].for_type(Execution, lambda execution, printer, cycle: printer.text(as_text(execution.snapshot())))
