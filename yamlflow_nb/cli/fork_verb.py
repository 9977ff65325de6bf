"""``yamlflow fork [EXECUTION]``"""

from __future__ import annotations

import click

from yamlflow_nb.cli import options


@click.command("fork")
@options.execution_id
@click.option("--set", "values", multiple=True, metavar="NAME=VALUE", help="pipeline.input.month=3, or an output: extract.rows=0")
@click.option("--at", multiple=True, metavar="NODE", help="run this node again in any case, and what hangs on it")
@click.option("--definition", type=click.Path(), metavar="FILE", help="go on with this pipeline: only what is changed in it runs")
@click.option("--latest", is_flag=True, help="go on with the pipeline's file, and the files of its tasks, as they are now")
@options.no_cache
@options.as_json
@options.store
def command(
    execution: str | None,
    values: tuple[str, ...],
    at: tuple[str, ...],
    definition: str | None,
    latest: bool,
    fresh: bool,
    json_: bool,
    store: str | None,
) -> int:
    """A new execution that differs in something: what if?

    What the change does not affect is taken over, by reference, from the execution; what depends on the change runs, and finally
    nodes. The execution itself stays as it is. `yamlflow diff` compares the two.
    """
    from pathlib import Path

    from yamlflow_nb.bootstrap import services
    from yamlflow_nb.cli.bring import bring
    from yamlflow_nb.services.given_inputs import given_inputs

    executions = services(store).executions
    origin = executions.get(execution)
    source = None if definition is None else Path(definition)
    made = origin.fork(at, given_inputs(values, "--set"), definition=source, latest=latest, fresh=fresh)
    return bring(made, executions, json_, fresh=True)
