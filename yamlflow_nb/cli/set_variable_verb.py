"""``yamlflow set-variable NAME=VALUE [EXECUTION]``"""

from __future__ import annotations

import click

from yamlflow_nb.cli import options


@click.command("set-variable")
@click.argument("assignment", metavar="NAME=VALUE")
@options.execution_id
@options.as_json
@options.store
def command(assignment: str, execution: str | None, json_: bool, store: str | None) -> int:
    """Give a paused execution another value.

    NAME is an input (pipeline.input.month) or what a completed node gave (extract.row_count); VALUE is JSON or a text. Nodes that
    have not started read the new value.
    """
    from yamlflow_nb.bootstrap import services
    from yamlflow_nb.cli.bring import handed_in
    from yamlflow_nb.services.given_inputs import assigned

    executions = services(store).executions
    name, value = assigned(assignment)
    return handed_in(executions.set_variable(name, value, execution), executions, json_)
