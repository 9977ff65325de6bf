"""words typed in a terminal → one service call

One thin file a verb, loaded when it is called. Exit codes: 0 ok, 1 failed, 2 usage or definition, 3 waiting, 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Any

import click

from yamlflow_nb.cli.options import INTERRUPTED, OK, USAGE

_VERBS = {
    "init": "write a first pipeline, its configuration and its schema",
    "run": "run a pipeline and show it",
    "validate": "say what is wrong with a pipeline",
    "plan": "print a pipeline with every default written out",
    "simulate": "run a pipeline in virtual time, doing nothing",
    "publish": "put a pipeline or task on the shelf, under its version",
    "list": "the newest executions, or what was published",
    "show": "one execution as a tree",
    "events": "the stored history of an execution",
    "vars": "the values of an execution",
    "logs": "what the tasks of an execution said",
    "why": "why a node started, did not start or still waits",
    "resume": "go on with what was paused or interrupted",
    "pause": "let nothing new start",
    "cancel": "end an execution",
    "retry": "run what failed again, in the same execution",
    "skip": "leave out a node that has not started",
    "set-variable": "give a paused execution another value",
    "approvals": "what waits for your decision",
    "approve": "approve what waits for you",
    "reject": "reject what waits for you",
    "worker": "drive executions outside any kernel",
    "event": "tell an execution what happened outside",
    "schema": "the JSON Schema of the document",
    "tasks": "the installed task types, and the published tasks",
    "store": "look into the store: query, export, verify, backup",
    "doctor": "say what is there and what is missing",
    "completion": "completion by Tab for bash, zsh or fish",
}


class _Verbs(click.Group):
    def list_commands(self, context: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in _VERBS:
            return None
        found: click.Command = import_module(f"yamlflow_nb.cli.{name.replace('-', '_')}_verb").command
        return found

    def resolve_command(self, context: click.Context, words: list[str]) -> Any:
        if words and words[0] not in _VERBS and not words[0].startswith("-"):
            from difflib import get_close_matches

            close = get_close_matches(words[0], _VERBS, 1)
            context.fail(f"There is no verb {words[0]!r}." + (f" Did you mean {close[0]!r}?" if close else ""))
        return super().resolve_command(context, words)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_VERBS.items()))


@click.command(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="yamlflow_nb")
def command() -> None:
    """Pipelines in YAML: run them, ask them why."""


def main(arguments: list[str] | None = None) -> None:
    """The ``yamlflow`` command. A user's mistake is told in words, without a traceback; under ``--json`` as JSON."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
    given = sys.argv[1:] if arguments is None else arguments
    try:
        code = _carried_out(given)
        sys.stdout.flush()
    except BrokenPipeError:  # `yamlflow events | head`: who reads has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = OK
    sys.exit(code)


def _carried_out(arguments: list[str]) -> int:
    """The exit code of a command, after its errors were told."""
    from yamlflow_nb.domain.diagnostic import DiagnosticError

    try:
        code = command.main(arguments, prog_name="yamlflow", standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except click.ClickException as error:
        _tell_usage(error, "--json" in arguments)
        return USAGE
    except DiagnosticError as error:
        _tell(error, "--json" in arguments)
        return USAGE
    except BrokenPipeError:
        raise
    except OSError as error:
        click.echo(f"error: {error.filename or 'the system'}: {error.strerror or error}", err=True)
        return USAGE
    return code if isinstance(code, int) else OK


def _tell_usage(error: click.ClickException, as_json: bool) -> None:
    if as_json:
        from yamlflow_nb.services.command_error import CommandError

        _tell(CommandError("YF712", error.format_message(), "yamlflow --help"), True)
    else:
        error.show()


def _tell(error: Any, as_json: bool) -> None:
    if as_json:
        from yamlflow_nb.cli.options import print_json

        print_json({"diagnostics": [one.to_dict() for one in error.diagnostics]})
    else:
        click.echo(str(error), err=True)
