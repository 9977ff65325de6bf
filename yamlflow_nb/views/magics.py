"""``%%pipeline`` and ``%pipeline``: pipelines in a cell."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from IPython.core.magic import Magics, cell_magic, line_magic, magics_class, no_var_expand
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring
from IPython.display import display

from yamlflow_nb import bootstrap
from yamlflow_nb.services.command_error import CommandError
from yamlflow_nb.services.execution import Execution
from yamlflow_nb.services.given_inputs import given_inputs
from yamlflow_nb.services.run_text import as_text
from yamlflow_nb.views.followed import follow
from yamlflow_nb.views.html import as_html

HELP = """\
%%pipeline [NAME] [--input K=V]... [--inputs VAR] [--wait] [--dry-run] [--store PATH]
                                       run the cell's YAML and show it; NAME gets the execution
%pipeline list                         the newest executions
%pipeline show [ID]                    one execution as a tree
%pipeline why NODE [ID]                why a node started, did not start or still waits
%pipeline help                         this list"""
_SOON = 2.0
"""Seconds that a cell waits in any case: a short pipeline is simply there."""


@magics_class
class PipelineMagics(Magics):
    """The magics of ``%load_ext yamlflow_nb``. What a person can mend is raised as it is: it shows itself without a traceback."""

    @no_var_expand
    @magic_arguments()
    @argument("name", nargs="?", help="the variable that gets the execution (default: only the cell's result)")
    @argument("--input", "-i", action="append", default=[], metavar="K=V", help="an input; V is JSON or a text")
    @argument("--inputs", metavar="VAR", help="a mapping of the kernel with the inputs")
    @argument("--dry-run", action="store_true", help="say what is wrong with it, run nothing")
    @argument("--wait", action="store_true", help="wait until it has ended, and fail the cell when the pipeline fails")
    @argument("--store", metavar="PATH", help="another store than the configured one")
    @cell_magic
    def pipeline(self, line: str, cell: str) -> Execution | None:
        """Run the pipeline in this cell."""
        options = parse_argstring(self.pipeline, line)
        if options.dry_run:
            found = bootstrap.pipelines().validate(cell, "<cell>")
            print("\n\n".join(one.render() for one in found) or "nothing is wrong with it")  # noqa: T201
            return None
        if options.name and not options.name.isidentifier():
            raise CommandError("YF712", f"{options.name!r} cannot be a variable", "for example %%pipeline run")
        inputs = {**self._mapping(options.inputs), **given_inputs(options.input)}
        executions = bootstrap.services(options.store).executions
        execution = executions.start(cell, inputs, name="<cell>", namespace=self._names)
        if options.name:
            self._names[options.name] = execution
        return self._shown(execution, options.wait)

    @property
    def _names(self) -> dict[str, Any]:
        assert self.shell is not None
        names: dict[str, Any] = self.shell.user_ns
        return names

    def _mapping(self, name: str | None) -> Mapping[str, Any]:
        if name is None:
            return {}
        found = self._names.get(name)
        if not isinstance(found, Mapping):
            told = "is no mapping" if name in self._names else "is not there"
            raise CommandError("YF712", f"--inputs {name}: the variable {told}", "for example inputs = {'month': 3}")
        return found

    def _shown(self, execution: Execution, wait: bool) -> Execution | None:
        """Waits where nobody could look later (Run All in papermill, nbclient, nbconvert) and fails the cell with the pipeline;
        with a person before the page the cell returns, and what it shows goes on changing."""
        unattended = wait or os.environ.get("YAMLFLOW_WAIT") == "1" or not self._someone_is_there()
        try:
            execution.wait(None if unattended or self._kernel() is None else _SOON, or_waiting=True)
        except KeyboardInterrupt:
            with suppress(CommandError):  # it may have ended in this very moment
                execution.cancel()
            execution.wait()
        if unattended and execution.status in ("failed", "cancelled"):
            display(execution)
            execution.raise_if_failed()
        if execution.status in ("completed", "failed", "cancelled") or unattended or self._kernel() is None:
            return execution
        follow(execution)
        return None

    def _kernel(self) -> Any:
        return getattr(self.shell, "kernel", None)

    def _someone_is_there(self) -> bool:
        """Front ends that run a notebook by themselves allow no input; so does nothing else."""
        return bool(getattr(self._kernel(), "_allow_stdin", True))

    @line_magic("pipeline")  # type: ignore[arg-type]
    def commands(self, line: str) -> Execution | None:
        """list, show, why, help."""
        verb, *rest = line.split() or ["help"]
        if verb not in _VERBS:
            raise CommandError("YF712", f"%pipeline {verb}: there is no such verb", HELP)
        shown: Execution | None = _VERBS[verb](rest)
        return shown


def _list(rest: list[str]) -> None:
    for record in bootstrap.services().executions.list():
        print(f"{record.id}  {record.status:<11}  {record.pipeline}")  # noqa: T201


def _show(rest: list[str]) -> Execution:
    return bootstrap.services().executions.get(rest[0] if rest else None)


def _why(rest: list[str]) -> None:
    if not rest:
        raise CommandError("YF712", "%pipeline why wants a node", "%pipeline why NODE [ID]")
    print(bootstrap.services().executions.why(rest[1] if len(rest) > 1 else None, rest[0]))  # noqa: T201


def _help(rest: list[str]) -> None:
    print(HELP)  # noqa: T201


_VERBS: dict[str, Callable[[list[str]], Any]] = {"list": _list, "show": _show, "why": _why, "help": _help}


def load_ipython_extension(shell: Any) -> None:
    """Registers the magics, and how an execution is shown."""
    shell.register_magics(PipelineMagics)
    formatters = shell.display_formatter.formatters
    formatters["text/html"].for_type(Execution, lambda execution: as_html(execution.snapshot()))
    formatters["text/plain"].for_type(Execution, lambda execution, printer, cycle: printer.text(as_text(execution.snapshot())))
