"""``yamlflow schema``"""

from __future__ import annotations

import click

from yamlflow_nb.cli import options


@click.command("schema")
def command() -> None:
    """The JSON Schema of the document, with the installed task types."""
    from yamlflow_nb.bootstrap import pipelines

    options.print_json(pipelines().schema())
