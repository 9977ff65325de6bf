"""``yamlflow cancel [EXECUTION]``"""

from __future__ import annotations

import click

from yamlflow_nb.cli import options


@click.command("cancel")
@options.execution_id
@click.option("--now", is_flag=True, help="stop and skip also the clean-up (finally and `always` nodes)")
@options.as_json
@options.store
def command(execution: str | None, now: bool, json_: bool, store: str | None) -> int:
    """End an execution: what runs is stopped, what has not started never will.

    Finally nodes and nodes with `always: true` still run. An execution whose process is gone is ended from here.
    """
    from yamlflow_nb.bootstrap import services
    from yamlflow_nb.cli.bring import handed_in

    executions = services(store).executions
    found = executions.cancel(execution, now, here=True)
    code = handed_in(found, executions, json_)
    return options.OK if found.status == "cancelled" else code
