"""``yamlflow run FILE``"""

from __future__ import annotations

import click

from yamlflow_nb.cli import options


@click.command("run")
@options.pipeline_file
@options.inputs
@click.option("--wait", "stay", is_flag=True, help="stay also while it waits for people or events")
@click.option("--quiet", "-q", is_flag=True, help="show only how it ended")
@options.no_cache
@click.option("--worker", "for_worker", is_flag=True, help="leave it to `yamlflow worker`, and do not wait")
@options.as_json
@options.store
def command(
    file: str,
    given: tuple[str, ...],
    stay: bool,
    quiet: bool,
    fresh: bool,
    for_worker: bool,
    json_: bool,
    store: str | None,
) -> int:
    """Run a pipeline and show it as a tree.

    In a terminal the tree moves while nodes work; in a pipe each node that ends is a line, and the tree comes last.

    Ctrl-C leaves the run interrupted, not failed: `yamlflow resume` goes on with it and repeats nothing that had completed,
    `yamlflow cancel` ends it, with its clean-up.

    Exit code: 0 completed, 1 failed or cancelled, 2 the pipeline or the call is wrong, 3 it waits for people or events,
    130 interrupted.
    """
    from pathlib import Path

    from yamlflow_nb.bootstrap import services
    from yamlflow_nb.cli.bring import bring, handed_in, interrupts_held_back, leave
    from yamlflow_nb.services.given_inputs import given_inputs

    if for_worker:
        executions = services(store).executions
        return handed_in(executions.start(Path(file), given_inputs(given), where="worker", fresh=fresh), executions, json_)
    with interrupts_held_back() as held_back:
        executions = services(store).executions
        execution = executions.start(Path(file), given_inputs(given), fresh=fresh)
    if held_back:
        return leave(execution, executions, json_)
    return bring(execution, executions, json_, stay=stay, quiet=quiet, fresh=True)
