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
    """Go on: after a pause, or here with an execution whose process is gone. What had completed stays."""
    from yamlflow_nb.bootstrap import services
    from yamlflow_nb.services.run_text import as_text

    executions = services(store).executions
    answered = executions.get(execution) if again or failed else None
    going = (
        answered
        if answered is not None and answered.status != "interrupted"
        else executions.resume(execution, force=force, take_over=take_over)
    )
    for node in again:
        going.answer(node, "retry")
    for node in failed:
        going.answer(node, "fail")
    try:
        going.wait(or_waiting=True)
    except KeyboardInterrupt:
        return 130
    if json_:
        options.print_json(going.snapshot())
    else:
        click.echo(as_text(going.snapshot()))
    return options.exit_code(going.status)
