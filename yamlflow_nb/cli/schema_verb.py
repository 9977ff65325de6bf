"""``yamlflow schema``"""

from __future__ import annotations

import click

from yamlflow_nb.cli import options


@click.command("schema")
@options.as_json
def command(json_: bool) -> None:
    """The JSON Schema of the document, with the installed task types; it is JSON with and without --json."""
    from yamlflow_nb.bootstrap import pipelines

    options.print_json(pipelines().schema())
