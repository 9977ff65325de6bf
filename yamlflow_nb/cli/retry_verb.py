"""``yamlflow retry [EXECUTION] [NODE]...``"""

from __future__ import annotations

import click

from yamlflow_nb.cli import options


@click.command("retry")
@options.execution_and_nodes
@click.option(
    "--with", "with_nodes", multiple=True, metavar="NODE", shell_complete=options.known_nodes,
    help="run this completed node again too",
)  # fmt: skip
@click.option("--items", type=click.Choice(["failed"]), help="of forEach nodes the failed items, also where the node completed")
@click.option("--accept-changes", is_flag=True, help="by the pipeline's file as it is now, in a new execution; lists what is kept")
@click.option("--take-over", is_flag=True, help="also of an execution that another machine drove")
@options.as_json
@options.store
def command(
    words: tuple[str, ...],
    with_nodes: tuple[str, ...],
    items: str | None,
    accept_changes: bool,
    take_over: bool,
    json_: bool,
    store: str | None,
) -> int:
    """Run what failed or was cancelled again, in the same execution.

    Without NODE all of it. Nodes that hung on what failed run too; other completed nodes keep their results. The history of the
    round before stays. The pipeline is the one that was started, whatever has become of its file since, unless --accept-changes:
    then a new execution takes over what the changes do not affect.
    """
    from yamlflow_nb.bootstrap import services
    from yamlflow_nb.cli.bring import bring

    execution, nodes = options.split(words)
    executions = services(store).executions
    if accept_changes:
        if nodes or with_nodes or items:
            raise click.UsageError("--accept-changes runs what failed and what was changed: name no nodes and items")
        made, told = executions.get(execution).accept_changes()
        for word, names in told.items():
            click.echo(f"{word:<9} {', '.join(names) or '-'}", err=json_)
        return bring(made, executions, json_, fresh=True)
    verb = "retry completed" if with_nodes or items else "retry"
    found = executions.meant(verb, execution)
    found.retry(*nodes, with_nodes=with_nodes, failed_items=items == "failed", take_over=take_over)
    return bring(found, executions, json_)
