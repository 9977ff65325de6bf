"""``yamlflow plan FILE``"""

from __future__ import annotations

from pathlib import Path

import click

from yamlflow_nb.cli import options


@click.command("plan")
@options.pipeline_file
@options.as_json
def command(file: str, json_: bool) -> None:
    """Print a pipeline with every default written out, the derived startWhen included."""
    from yamlflow_nb.bootstrap import pipelines

    service = pipelines()
    definition = service.load(Path(file))
    if json_:
        options.print_json(service.plan_data(definition))
    else:
        click.echo(service.plan_text(definition).rstrip("\n"))
