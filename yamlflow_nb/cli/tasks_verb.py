"""``yamlflow tasks``"""

from __future__ import annotations

from typing import Any

import click

from yamlflow_nb.cli import options


@click.command("tasks")
@options.as_json
@options.store
def command(json_: bool, store: str | None) -> None:
    """The installed task types, those without an executor yet marked; then the published tasks, each with its newest version."""
    from yamlflow_nb.bootstrap import task_service

    tasks = task_service(store)
    if json_:
        told: dict[str, Any] = {
            name: {"summary": kind.summary, "runs": name in tasks.runnable} for name, kind in tasks.types().items()
        }
        told |= {one.reference: options.published(one) for one in tasks.newest()}
        options.print_json(told)
        return
    for name, kind in tasks.types().items():
        click.echo(f"{name:<12} {kind.summary}{'' if name in tasks.runnable else ' (cannot run yet)'}")
    for one in tasks.newest():
        described = tasks.get(one.reference)
        click.echo(f"{one.reference:<12} {described.description or described.type}, published by {one.by}")
