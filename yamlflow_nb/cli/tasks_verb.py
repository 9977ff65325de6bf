"""``yamlflow tasks``"""

from __future__ import annotations

import click

from yamlflow_nb.cli import options


@click.command("tasks")
@options.as_json
def command(json_: bool) -> None:
    """The installed task types; those without an executor yet are marked."""
    from yamlflow_nb.bootstrap import task_service

    tasks = task_service()
    if json_:
        options.print_json(
            {name: {"summary": kind.summary, "runs": name in tasks.runnable} for name, kind in tasks.types().items()}
        )
        return
    for name, kind in tasks.types().items():
        click.echo(f"{name:<12} {kind.summary}{'' if name in tasks.runnable else ' (cannot run yet)'}")
