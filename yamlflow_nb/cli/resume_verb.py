"""``yamlflow resume [EXECUTION]``"""

from __future__ import annotations

import click

from yamlflow_nb.cli import options


@click.command("resume")
@options.execution_id
@click.option("--retry", "again", multiple=True, metavar="NODE", help="run the interrupted attempt of NODE again")
@click.option("--fail", "failed", multiple=True, metavar="NODE", help="count the interrupted attempt of NODE as failed")
@click.option("--take-over", is_flag=True, help="go on also with an execution that another machine drove")
@click.option("--force", is_flag=True, help="go on also with an execution that was set aside")
@options.as_json
@options.store
def command(
    execution: str | None,
    again: tuple[str, ...],
    failed: tuple[str, ...],
    take_over: bool,
    force: bool,
    json_: bool,
    store: str | None,
) -> int:
    """Go on: after a pause, or with an execution whose process is gone.

    What had completed stays and does not run again. An interrupted execution goes on in this terminal, and is shown as by
    `yamlflow run`; a paused one goes on where it runs.

    Where a task was cut short that must not simply run twice, the node asks: answer with --retry or --fail.
    """
    from yamlflow_nb.bootstrap import services
    from yamlflow_nb.cli.bring import handed_in

    executions = services(store).executions
    found = executions.meant("answer" if again or failed else "resume", execution)
    if found.status == "interrupted" or not (again or failed):
        found.resume(force=force, take_over=take_over)
    for node in again:
        found.answer(node, "retry")
    for node in failed:
        found.answer(node, "fail")
    return handed_in(found, executions, json_)
