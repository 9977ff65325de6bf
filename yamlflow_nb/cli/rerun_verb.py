"""``yamlflow rerun [EXECUTION]``"""

from __future__ import annotations

import click

from yamlflow_nb.cli import options


@click.command("rerun")
@options.execution_id
@click.option("--latest", is_flag=True, help="the pipeline's file as it is now, not as it was")
@options.no_cache
@options.as_json
@options.store
def command(execution: str | None, latest: bool, fresh: bool, json_: bool, store: str | None) -> int:
    """The same again, all of it: a new execution of the same pipeline with the same inputs."""
    from yamlflow_nb.bootstrap import services
    from yamlflow_nb.cli.bring import bring

    executions = services(store).executions
    return bring(executions.get(execution).rerun(latest=latest, fresh=fresh), executions, json_, fresh=True)
