"""``yamlflow list``"""

from __future__ import annotations

from dataclasses import asdict

import click

from yamlflow_nb.cli import options


@click.command("list")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True)
@options.as_json
@options.store
def command(limit: int, json_: bool, store: str | None) -> None:
    """The newest executions, newest first."""
    records = options.opened(store).executions.list(limit=limit)
    if json_:
        options.print_json([{name: value for name, value in asdict(record).items() if name != "definition"} for record in records])
        return
    for record in records:
        click.echo(f"{record.id}  {record.status:<11}  {record.pipeline}")
    if not records:
        click.echo("no executions yet: yamlflow run FILE")
