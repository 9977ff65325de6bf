"""``yamlflow event send NAME [EXECUTION]``"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from yamlflow_nb.cli import options

if TYPE_CHECKING:
    from yamlflow_nb.services.execution import Execution
    from yamlflow_nb.services.execution_service import ExecutionService


@click.group("event")
def command() -> None:
    """Tell an execution what happened outside."""


@command.command("send")
@click.argument("name")
@options.execution_id
@click.option("--data", "-d", multiple=True, metavar="NAME=VALUE", help="what the event carries; VALUE is JSON or a text")
@click.option("--payload", metavar="JSON", help="what the event carries, as one JSON object")
@click.option("--key", metavar="KEY", help="sent again under the same key, the event counts once")
@click.option("--pipeline", metavar="NAME", help="tell all executions of this pipeline that have not ended")
@click.option("--where", multiple=True, metavar="NAME=VALUE", help="of these only those that were started with this input")
@options.as_json
@options.store
def send(
    name: str,
    execution: str | None,
    data: tuple[str, ...],
    payload: str | None,
    key: str | None,
    pipeline: str | None,
    where: tuple[str, ...],
    json_: bool,
    store: str | None,
) -> int:
    """Tell an execution that custom.NAME happened.

    Nodes that wait for it (`startWhen: "event:custom.NAME"`, or a `wait` node) go on; they read what it carries as
    custom.NAME.<name>. An execution that only waited, and whose process has ended, goes on in this terminal; of one whose
    process died at work the event lies in the store until it is resumed.
    """
    from yamlflow_nb.bootstrap import services
    from yamlflow_nb.services.given_inputs import given_inputs

    executions = services(store).executions
    carried = {**_object(payload), **given_inputs(data, "--data")}
    if pipeline is None:
        if where:
            raise click.UsageError("--where says which executions of --pipeline are meant")
        return _told(executions.send_event(name, execution, carried, key=key, here=True), executions, json_)
    if execution is not None:
        raise click.UsageError("an execution or --pipeline, not both")
    told = executions.send_event_to_all(name, pipeline, given_inputs(where, "--where"), carried, key=key, here=True)
    return max(_told(one, executions, json_) for one in told)


def _told(execution: Execution, executions: ExecutionService, json_: bool) -> int:
    """What has become of it. An event of an execution that nobody drives is not lost, and that is said."""
    from yamlflow_nb.cli.bring import handed_in

    code = handed_in(execution, executions, json_)
    if execution.status == "interrupted" and not execution.is_driven_here:
        click.echo(f"the event is kept: `yamlflow resume {execution.id}` goes on with it", err=True)
    return code


def _object(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        found = json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"--payload is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise click.UsageError('--payload is one JSON object: {"rows": 3}')
    return found
