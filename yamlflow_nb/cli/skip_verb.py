"""``yamlflow skip NODE [EXECUTION]``"""

from __future__ import annotations

import click

from yamlflow_nb.cli import options


@click.command("skip")
@click.argument("node", shell_complete=options.known_nodes)
@options.execution_id
@options.as_json
@options.store
def command(node: str, execution: str | None, json_: bool, store: str | None) -> int:
    """Leave a node out that has not started: it becomes skipped, and counts as passed."""
    from yamlflow_nb.bootstrap import services
    from yamlflow_nb.cli.bring import handed_in

    executions = services(store).executions
    return handed_in(executions.skip(node, execution, here=True), executions, json_)
