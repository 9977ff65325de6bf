"""``yamlflow events [EXECUTION]``"""

from __future__ import annotations

import click

from yamlflow_nb.cli import options


@click.command("events")
@options.execution_id
@options.as_json
@options.store
def command(execution: str | None, json_: bool, store: str | None) -> None:
    """The stored history of an execution, in commit order."""
    found = options.opened(store).executions.events(execution)
    if json_:
        options.print_json([event._asdict() for event in found])
        return
    first = found[0].at if found else 0.0
    for event in found:
        click.echo(f"{event.number:>5}  {event.at - first:>9.3f} s  {event.type}")
