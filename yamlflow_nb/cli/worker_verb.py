"""``yamlflow worker``"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from yamlflow_nb.cli import options

if TYPE_CHECKING:
    from yamlflow_nb.services.execution import Execution


@click.command("worker")
@click.option("--until-idle", is_flag=True, help="end when nothing moves any more")
@options.store
def command(until_idle: bool, store: str | None) -> int:
    """Drive executions outside any kernel: those that `yamlflow run --worker` (or `yf.start(..., where="worker")`) left for a
    worker, and those whose worker died.

    Ctrl-C ends it; what it drove is left resumable, and the next worker goes on with it.
    """
    from yamlflow_nb.bootstrap import worker

    drives = worker(store, began=_told, ended=_told)
    click.echo("waiting for executions; Ctrl-C ends this, and keeps what runs resumable", err=True)
    try:
        drives.work(until_idle=until_idle)
    except KeyboardInterrupt:
        return options.INTERRUPTED
    return options.OK


def _told(execution: Execution) -> None:
    from yamlflow_nb.services.run_text import headline

    click.echo(options.painted(headline(execution.snapshot())))
