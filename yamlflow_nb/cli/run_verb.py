"""``yamlflow run FILE``"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import click

from yamlflow_nb.cli import options

if TYPE_CHECKING:
    from yamlflow_nb.services.execution import Execution


@click.command("run")
@options.pipeline_file
@options.inputs
@options.as_json
@options.store
def command(file: str, given: tuple[str, ...], json_: bool, store: str | None) -> int:
    """Run a pipeline and show it as a tree."""
    from pathlib import Path

    from yamlflow_nb.bootstrap import services
    from yamlflow_nb.services.command_error import CommandError
    from yamlflow_nb.services.given_inputs import given_inputs

    with _interrupts_held_back() as held_back:
        execution = services(store).executions.start(Path(file), given_inputs(given))
    interrupted = False
    try:
        if held_back:
            raise KeyboardInterrupt
        if not json_ and sys.stderr.isatty():
            _follow(execution)
        execution.wait(or_waiting=True)
    except KeyboardInterrupt:
        interrupted = True
        with suppress(CommandError):  # it may have ended in this very moment
            execution.cancel(now=True)
        execution.wait()
    if json_:
        options.print_json(execution.snapshot())
    else:
        click.echo(str(execution))
    return 130 if interrupted else options.exit_code(execution.status)


@contextmanager
def _interrupts_held_back() -> Iterator[list[int]]:
    """A Ctrl-C while a run is being started is kept until there is a run that can be cancelled."""
    import signal

    held_back: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: held_back.append(number))
    try:
        yield held_back
    finally:
        signal.signal(signal.SIGINT, before)


def _follow(execution: Execution) -> None:
    """A line for each node that ends, for whoever sits before the terminal; what is piped is the tree alone."""
    from yamlflow_nb.services.run_text import node_line

    told: set[str] = set()
    while True:
        seen = execution.version
        now = execution.snapshot()
        for node in now["nodes"]:
            if node["finished_at"] is not None and node["id"] not in told:
                told.add(node["id"])
                click.echo(node_line(node), err=True)
        if now["status"] not in ("running", "interrupted") or len(told) == len(now["nodes"]):
            return
        execution.wait_for_change(seen, 1.0)
