"""``yamlflow list``"""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from yamlflow_nb.cli import options

if TYPE_CHECKING:
    from yamlflow_nb.domain.ports.repository import ExecutionRecord
    from yamlflow_nb.services.execution_service import ExecutionService

_MOST_CHILDREN = 5


@click.command("list")
@click.option("--all", "everywhere", is_flag=True, help="of all projects, not of this one alone")
@click.option("--pipelines", is_flag=True, help="the published pipelines instead, each with its versions")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="how many at most")
@options.as_json
@options.store
def command(everywhere: bool, pipelines: bool, limit: int, json_: bool, store: str | None) -> None:
    """The newest executions of this project, newest first.

    The project is the nearest folder above with a yamlflow.toml, else this folder.
    """
    if pipelines:
        _pipelines(json_, store)
        return
    executions = options.opened(store).executions
    records = executions.list(None, limit) if everywhere else executions.of_this_project(limit)
    if json_:
        whole = [one for record in records for one in (record, *executions.children_of(record.id))]
        options.print_json([{name: value for name, value in asdict(record).items() if name != "definition"} for record in whole])
        return
    for record in records:
        click.echo(options.painted(_line(record) + (f"  {record.project}" if everywhere else "")))
        _children(executions, record)
    if not records and not everywhere and executions.list(None, 1):
        click.echo("none of this project: yamlflow list --all shows those of others")
    elif not records:
        click.echo("no executions yet: yamlflow run FILE")


def _children(executions: ExecutionService, record: ExecutionRecord, depth: int = 1) -> None:
    """The pipelines that are nodes of it, each below its own."""
    found = executions.children_of(record.id)
    for child in found[:_MOST_CHILDREN]:
        click.echo(options.painted(f"{'  ' * depth}└─ {child.parent_node}: {_line(child)}"))
        _children(executions, child, depth + 1)
    if len(found) > _MOST_CHILDREN:
        click.echo(f"{'  ' * depth}   … and {len(found) - _MOST_CHILDREN} more: yamlflow show {record.id}")


def _pipelines(json_: bool, store: str | None) -> None:
    found = options.opened(store).pipelines.shelf.all_of("pipeline")
    if json_:
        options.print_json([options.published(one) for one in found])
        return
    for one in found:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.at))
        click.echo(f"{one.reference:<24}  {one.hash[:12]}  {when}  {one.by}  {one.source_name}")
    if not found:
        click.echo("nothing was published: yamlflow publish FILE")


def _line(record: ExecutionRecord) -> str:
    from yamlflow_nb.services.run_text import one_line, seconds

    began = time.strftime("%Y-%m-%d %H:%M", time.localtime(record.created_at))
    took = seconds(record.created_at, record.finished_at)
    return f"{record.id}  {record.status:<11}  {one_line(record.pipeline)}  {began}{f'  {took}' if took else ''}"
