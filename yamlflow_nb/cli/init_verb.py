"""``yamlflow init [NAME]``"""

from __future__ import annotations

from pathlib import Path

import click

from yamlflow_nb.cli import options


@click.command("init")
@click.argument("name", required=False)
@click.option("--folder", type=click.Path(), default=".", help="where to write it (default: here)")
@click.option("--production", is_flag=True, help="ask a person about work that was cut short, instead of repeating it")
@click.option("--force", is_flag=True, help="overwrite the pipeline when it is there already")
@options.as_json
def command(name: str | None, folder: str, production: bool, force: bool, json_: bool) -> None:
    """Write a first pipeline that runs at once, with a comment for every line you will want to change.

    NAME.pipeline.yaml is the pipeline; yamlflow.toml holds connections and says where secrets come from, and makes the folder a
    project; yamlflow.schema.json is for your editor: it completes and checks the pipeline while you type. A yamlflow.toml that is
    there already is never touched.
    """
    from yamlflow_nb.bootstrap import pipelines
    from yamlflow_nb.services.first_pipeline import write_first_pipeline

    made = write_first_pipeline(Path(folder), name, pipelines().schema(), production=production, force=force)
    if json_:
        options.print_json({"written": [str(path) for path in made.written], "kept": [str(path) for path in made.kept]})
        return
    for path in made.written:
        click.echo(f"written  {path}")
    for path in made.kept:
        click.echo(f"kept     {path}")
    click.echo(f"\nnow: yamlflow run {made.written[0]}")
