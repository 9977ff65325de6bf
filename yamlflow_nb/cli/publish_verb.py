"""``yamlflow publish FILE``"""

from __future__ import annotations

import click

from yamlflow_nb.cli import options


@click.command("publish")
@options.pipeline_file
@click.option("--task", metavar="NAME", help="publish this one of its taskDefinitions, not the pipeline")
@options.as_json
@options.store
def command(file: str, task: str | None, json_: bool, store: str | None) -> None:
    """Publish a pipeline, or one of its tasks, under its name and version.

    A version stays as it is for good: the same content once more changes nothing, other content is refused. Whoever uses this
    store can then run it (yamlflow run NAME@VERSION), make it a node (type: subpipeline), or name the task (taskDefinition).
    """
    import time
    from pathlib import Path

    from yamlflow_nb.bootstrap import services
    from yamlflow_nb.services.desk import user

    house, now = services(store), time.time()
    if task is None:
        published = house.pipelines.publish(Path(file), user(), now)
    else:
        published = house.tasks.publish(Path(file), task, user(), now)
    if json_:
        options.print_json(options.published(published))
        return
    told = "published" if published.at == now else "already published:"
    click.echo(f"{told} {published.reference}  {published.hash[:12]}")
