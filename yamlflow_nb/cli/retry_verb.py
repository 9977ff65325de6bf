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
@click.option("--take-over", is_flag=True, help="also of an execution that another machine drove")
@options.as_json
@options.store
def command(
    words: tuple[str, ...], with_nodes: tuple[str, ...], items: str | None, take_over: bool, json_: bool, store: str | None
) -> int:
    """Run what failed or was cancelled again, in the same execution.

    Without NODE all of it. Nodes that hung on what failed run too; other completed nodes keep their results. The history of the
    round before stays. The pipeline is the one that was started, whatever has become of its file since.
    """
    from yamlflow_nb.bootstrap import services
    from yamlflow_nb.cli.bring import bring

    execution, nodes = options.split(words)
    executions = services(store).executions
    verb = "retry completed" if with_nodes or items else "retry"
    found = executions.meant(verb, execution)
    found.retry(*nodes, with_nodes=with_nodes, failed_items=items == "failed", take_over=take_over)
    return bring(found, executions, json_)
