"""``yamlflow approvals``"""

from __future__ import annotations

import click

from yamlflow_nb.cli import options


@click.command("approvals")
@click.option("--everyone", is_flag=True, help="also what others are asked")
@click.option("--all", "everywhere", is_flag=True, help="of all projects, not of this one alone")
@options.as_json
@options.store
def command(everyone: bool, everywhere: bool, json_: bool, store: str | None) -> None:
    """What waits for your decision, in this project: what is asked, the form, the evidence, and how to answer."""
    from yamlflow_nb.services.pipeline_source import this_project

    executions = options.opened(store).executions
    found = executions.approvals(everyone, None if everywhere else this_project())
    if json_:
        options.print_json(found)
        return
    from yamlflow_nb.services.run_text import asked, one_line

    for one in found:
        click.echo(options.painted(f"… {one_line(one['pipeline'])}: {one['node']}  ({one['execution']})"))
        for line in asked(one):
            click.echo(f"    {line}")
    if not found and not everywhere and executions.approvals(everyone):
        click.echo("nothing of this project: yamlflow approvals --all shows what others wait for")
    elif not found:
        click.echo("nothing waits for you" + ("" if everyone else ": yamlflow approvals --everyone shows what others are asked"))
