"""``yamlflow why NODE [EXECUTION]``"""

from __future__ import annotations

import click

from yamlflow_nb.cli import options


@click.command("why")
@click.argument("node")
@options.execution_id
@options.store
def command(node: str, execution: str | None, store: str | None) -> None:
    """Why a node started, did not start or still waits."""
    from yamlflow_nb.bootstrap import services

    click.echo(services(store).executions.why(execution, node))
