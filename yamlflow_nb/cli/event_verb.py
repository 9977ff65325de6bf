"""``yamlflow event send NAME [EXECUTION]``"""

from __future__ import annotations

import click

from yamlflow_nb.cli import options


@click.group("event")
def command() -> None:
    """Tell an execution what happened outside."""


@command.command("send")
@click.argument("name")
@options.execution_id
@click.option("--data", "-d", multiple=True, metavar="NAME=VALUE", help="what the event carries; VALUE is JSON or a text")
@click.option("--pipeline", metavar="NAME", help="tell all executions of this pipeline that have not ended")
@click.option("--where", multiple=True, metavar="NAME=VALUE", help="of these only those that were started with this input")
@options.as_json
@options.store
def send(
    name: str,
    execution: str | None,
    data: tuple[str, ...],
    pipeline: str | None,
    where: tuple[str, ...],
    json_: bool,
    store: str | None,
) -> int:
    """Tell an execution that custom.NAME happened.

    Nodes that wait for it (`startWhen: "event:custom.NAME"`, or a `wait` node) go on; they read what it carries as
    custom.NAME.<name>. An execution that only waited, and whose process has ended, goes on in this terminal.
    """
    from yamlflow_nb.bootstrap import services
    from yamlflow_nb.cli.bring import handed_in
    from yamlflow_nb.services.given_inputs import given_inputs

    executions = services(store).executions
    payload = given_inputs(data, "--data")
    if pipeline is None:
        if where:
            raise click.UsageError("--where says which executions of --pipeline are meant")
        return handed_in(executions.send_event(name, execution, payload, here=True), executions, json_)
    if execution is not None:
        raise click.UsageError("an execution or --pipeline, not both")
    found = executions.all_meant(pipeline, given_inputs(where, "--where"))
    told = [one.send_event(name, payload, here=True) for one in found]
    return max(handed_in(one, executions, json_) for one in told)
