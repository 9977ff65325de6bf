"""``yamlflow plan FILE``"""

from __future__ import annotations

from pathlib import Path

import click


@click.command("plan")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
def command(file: str) -> None:
    """Print a pipeline with every default written out, the derived startWhen included."""
    from yamlflow_nb.bootstrap import pipelines

    service = pipelines()
    click.echo(service.plan_text(service.load(Path(file))))
