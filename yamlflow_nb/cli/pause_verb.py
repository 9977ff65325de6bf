"""``yamlflow pause [EXECUTION]``"""

from __future__ import annotations

import click

from yamlflow_nb.cli import options


@click.command("pause")
@options.execution_id
@options.as_json
@options.store
def command(execution: str | None, json_: bool, store: str | None) -> int:
    """Let nothing new start; what runs goes on to its end. `yamlflow resume` goes on."""
    from yamlflow_nb.bootstrap import services
    from yamlflow_nb.cli.bring import handed_in

    executions = services(store).executions
    return handed_in(executions.pause(execution), executions, json_)
