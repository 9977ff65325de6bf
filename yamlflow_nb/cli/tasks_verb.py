"""``yamlflow tasks [NAME]``"""

from __future__ import annotations

from typing import Any

import click

from yamlflow_nb.cli import options


@click.command("tasks")
@click.argument("name", required=False)
@click.option("--docs", is_flag=True, help="print the reference in Markdown: of one type, or of all")
@options.as_json
@options.store
def command(name: str | None, docs: bool, json_: bool, store: str | None) -> None:
    """The installed task types and the published tasks, each with its newest version; or the fields and outputs of one type.

    Types without an executor yet are marked, those of plugins with their package. A plugin that cannot be used is told.
    """
    import warnings

    from yamlflow_nb.bootstrap import task_service
    from yamlflow_nb.services.task_page import in_words, section

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # what cannot be used is told below, once
        tasks = task_service(store)
    shown = {name: tasks.type(name)} if name is not None else tasks.types()
    if json_:
        told: dict[str, Any] = {
            one: {
                "summary": kind.summary,
                "runs": one in tasks.runnable,
                "package": tasks.packages.get(one),
                **({"fields": kind.fields.model_json_schema(by_alias=True), "outputs": dict(kind.outputs)} if name else {}),
            }
            for one, kind in shown.items()
        }
        told |= {one.reference: options.published(one) for one in (tasks.newest() if name is None else ())}
        options.print_json(told)
    elif docs:
        click.echo("\n".join(line for kind in shown.values() for line in section(kind)).rstrip())
    elif name is not None:
        click.echo(in_words(shown[name], tasks.packages.get(name)))
    else:
        for one, kind in shown.items():
            package = f" ({tasks.packages[one]})" if one in tasks.packages else ""
            click.echo(f"{one:<12} {kind.summary}{package}{'' if one in tasks.runnable else ' (cannot run yet)'}")
        for published in tasks.newest():
            described = tasks.get(published.reference)
            click.echo(f"{published.reference:<12} {described.description or described.type}, published by {published.by}")
    for why in tasks.refused.values():
        click.echo(why, err=True)
