"""``yamlflow why NODE [EXECUTION]``"""

from __future__ import annotations

import click

from yamlflow_nb.cli import options


@click.command("why")
@click.argument("node", shell_complete=options.known_nodes)
@options.execution_id
@options.as_json
@options.store
def command(node: str, execution: str | None, json_: bool, store: str | None) -> None:
    """Why a node started, did not start or still waits."""
    told = options.opened(store).executions.why(execution, node)
    if json_:
        options.print_json({"node": node, "why": told.splitlines()})
    else:
        click.echo(told)
