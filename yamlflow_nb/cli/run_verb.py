"""``yamlflow run FILE``"""

from __future__ import annotations

import click

from yamlflow_nb.cli import options


@click.command("run")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@options.inputs
@options.as_json
@options.store
def command(file: str, given: tuple[str, ...], json_: bool, store: str | None) -> int:
    """Run a pipeline and show it as a tree."""
    from pathlib import Path

    from yamlflow_nb.bootstrap import services
    from yamlflow_nb.services.run_text import as_text

    execution = services(store).executions.start(Path(file), options.read_inputs(given))
    try:
        execution.wait(or_waiting=True)
    except KeyboardInterrupt:
        execution.cancel(now=True)
        execution.wait()
        click.echo(as_text(execution.snapshot()))
        return 130
    if json_:
        options.print_json(execution.snapshot())
    else:
        click.echo(as_text(execution.snapshot()))
    return options.exit_code(execution.status)
