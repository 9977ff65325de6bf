"""An execution that this command drives: shown while it works, told at its end, left resumable by Ctrl-C."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from yamlflow_nb.cli import options

if TYPE_CHECKING:
    from yamlflow_nb.services.execution import Execution
    from yamlflow_nb.services.execution_service import ExecutionService


def bring(
    execution: Execution, executions: ExecutionService, json_: bool, *, stay: bool = False, quiet: bool = False, fresh: bool = False
) -> int:
    """Show it until it has ended, or (unless ``stay``) waits for people or events; the exit code. ``fresh``: it was started by
    this command, so that everything in it is news."""
    try:
        show(execution.changes(0.25 if _is_terminal() else 1.0, stay=stay), json_, quiet, fresh)
        _wait_for_children(execution)
    except KeyboardInterrupt:
        return leave(execution, executions, json_)
    tell(execution, json_)
    if execution.status == "waiting" and not json_:
        _how_it_goes_on(execution, executions)
    return options.exit_code(execution.status)


def _wait_for_children(execution: Execution) -> None:
    """A child that outlives its parent, by `onParentCancel: wait` or with its clean-up, needs this process."""
    if execution.has_ended and execution.is_driven_here:
        execution.wait()


def tell(execution: Execution, json_: bool) -> None:
    """How it stands, whole."""
    if json_:
        options.print_execution(execution)
    else:
        click.echo(options.painted(str(execution)))


def handed_in(execution: Execution, executions: ExecutionService, json_: bool) -> int:
    """After a command: what this process drives now is brought to its end, what another one drives has been told."""
    if execution.is_driven_here:
        return bring(execution, executions, json_)
    if json_:
        options.print_execution(execution)
    else:
        from yamlflow_nb.services.run_text import headline

        click.echo(options.painted(headline(execution.snapshot())))
    return options.OK


def leave(execution: Execution, executions: ExecutionService, json_: bool) -> int:
    """Ctrl-C: what runs here is given up, so that it is interrupted, not failed, and anyone may go on with it at once. What
    another process drives is only no longer looked at. A second Ctrl-C does not wait for anything."""
    signal.signal(signal.SIGINT, lambda number, frame: os._exit(options.INTERRUPTED))
    if not execution.is_driven_here:
        return options.INTERRUPTED
    executions.close()
    tell(execution, json_)
    if execution.status == "interrupted":
        name = execution.id
        click.echo(f"what had completed is kept: `yamlflow resume {name}` goes on, `yamlflow cancel {name}` ends it", err=True)
    return options.INTERRUPTED


@contextmanager
def interrupts_held_back() -> Iterator[list[int]]:
    """A Ctrl-C while a run is being started is kept until there is a run that can be left."""
    held_back: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: held_back.append(number))
    try:
        yield held_back
    finally:
        signal.signal(signal.SIGINT, before)


# --- while it works --------------------------------------------------------------------------------------------------


def show(changes: Iterable[Mapping[str, Any]], json_: bool, quiet: bool, fresh: bool) -> None:
    """A tree that moves in a terminal, a line for each node in a pipe; under ``--json`` standard output stays JSON alone."""
    if quiet or (json_ and not sys.stderr.isatty()):
        for _ in changes:
            pass
    elif json_ or _is_terminal():
        from rich.console import Console

        from yamlflow_nb.cli.live_tree import draw

        draw(changes, Console(stderr=json_, highlight=False, markup=False, emoji=False))
    else:
        _lines(changes, fresh)


def _is_terminal() -> bool:
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def _lines(changes: Iterable[Mapping[str, Any]], fresh: bool) -> None:
    from yamlflow_nb.cli.live_tree import ending

    told: dict[str, tuple[str, int]] = {}
    for number, now in enumerate(changes):
        for node in now["nodes"]:
            line = ending(node, now["now"])
            if line is not None and told.get(node["id"]) != (node["state"], node["attempts"]):
                told[node["id"]] = (node["state"], node["attempts"])
                if number or fresh:
                    click.echo(line)
        sys.stdout.flush()


def _how_it_goes_on(execution: Execution, executions: ExecutionService) -> None:
    """What somebody who reads `waiting` may type next."""
    for waited in execution.waiting_for:
        if waited.startswith("custom."):
            click.echo(f"`yamlflow event send {waited.removeprefix('custom.')} {execution.id}` lets it go on", err=True)
        elif any(asked.node == waited for asked in execution.approvals):
            click.echo(f"`yamlflow approve {waited} {execution.id}` lets it go on, `yamlflow reject {waited}` does not", err=True)
    for child in execution.children:
        if child.status == "waiting":
            _how_it_goes_on(executions.get(child.id), executions)
