"""``yamlflow publish FILE``"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from yamlflow_nb.cli import options

if TYPE_CHECKING:
    from pathlib import Path

    from yamlflow_nb.services.pipeline_service import PipelineService


@click.command("publish")
@options.pipeline_file
@click.option("--task", metavar="NAME", help="publish this one of its taskDefinitions, not the pipeline")
@click.option("--fix", is_flag=True, help="write a version into the file where it has none")
@options.as_json
@options.store
def command(file: str, task: str | None, fix: bool, json_: bool, store: str | None) -> None:
    """Publish a pipeline, or one of its tasks, under its name and version.

    A version stays as it is for good: the same content once more changes nothing, other content is refused. Whoever uses this
    store can then run it (yamlflow run NAME@VERSION), use it as a node (type: subpipeline), or name the task (taskDefinition).
    """
    from pathlib import Path

    from yamlflow_nb.bootstrap import services
    from yamlflow_nb.services.desk import user

    house = services(store)
    if fix:
        _with_version(Path(file), house.pipelines)
    if task is None:
        published, is_new = house.pipelines.publish(Path(file), user())
    else:
        published, is_new = house.tasks.publish(Path(file), task, user())
    if json_:
        options.print_json(options.published(published))
        return
    click.echo(f"{'published' if is_new else 'already published:'} {published.reference}  {published.hash[:12]}")


def _with_version(path: Path, service: PipelineService) -> None:
    """Write a free version into a file that has none."""
    source = service.source(path)
    text = source.text if isinstance(source.text, str) else source.text.decode("utf-8")
    mended = service.with_version(source)
    if mended != text:
        options.replace_file(path, mended.encode())
