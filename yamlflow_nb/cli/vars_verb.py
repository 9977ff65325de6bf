"""``yamlflow vars [EXECUTION]``"""

from __future__ import annotations

import click

from yamlflow_nb.cli import options


@click.command("vars")
@options.execution_id
@options.as_json
@options.store
def command(execution: str | None, json_: bool, store: str | None) -> None:
    """The values of an execution under their full names."""
    from yamlflow_nb.services.run_text import one_line

    found = options.opened(store).executions.variables(execution)
    if json_:
        options.print_json(found)
        return
    for name, value in found.items():
        click.echo(f"{name} = {one_line(value)}")
