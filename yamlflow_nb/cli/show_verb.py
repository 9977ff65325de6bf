"""``yamlflow show [EXECUTION]``"""

from __future__ import annotations

import click

from yamlflow_nb.cli import options


@click.command("show")
@options.execution_id
@options.as_json
@options.store
def command(execution: str | None, json_: bool, store: str | None) -> int:
    """One execution as a tree; without an id the newest of this project."""
    found = options.opened(store).executions.get(execution)
    if json_:
        options.print_execution(found)
    else:
        click.echo(str(found))
    return options.exit_code(found.status)
