"""``yamlflow store query | export | info | verify | gc | backup``"""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from yamlflow_nb.cli import options

if TYPE_CHECKING:
    from yamlflow_nb.services.store_service import StoreService


@click.group("store")
def command() -> None:
    """Look into the store: the SQLite file that keeps what ran."""


def _service(named: str | None) -> StoreService:
    from yamlflow_nb.bootstrap import store_service

    return store_service(named)


@command.command("query")
@click.argument("sql")
@click.option("--csv", "csv_", is_flag=True, help="print comma-separated values")
@options.as_json
@options.store
def query(sql: str, csv_: bool, json_: bool, store: str | None) -> None:
    """Ask the store with SQL; nothing can be changed.

    \b
    yamlflow store query "SELECT node, count(*) FROM nodes WHERE state = 'failed' GROUP BY node"

    Times are seconds since 1970: datetime(started_at, 'unixepoch') reads better.
    """
    found = _service(store).query(sql)
    if json_:
        options.print_json(found)
    elif csv_ and found:
        out = csv.DictWriter(sys.stdout, list(found[0]), lineterminator="\n")
        out.writeheader()
        out.writerows(found)
    else:
        _table(found)


def _table(rows: list[dict[str, Any]]) -> None:
    from yamlflow_nb.services.run_text import one_line

    if not rows:
        click.echo("no rows", err=True)
        return
    shown = [list(rows[0]), *(["" if value is None else one_line(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*shown)]
    for line in shown:
        click.echo("  ".join(f"{value:<{width}}" for value, width in zip(line, widths)).rstrip())


@command.command("export")
@click.argument("target", type=click.Path(), metavar="FILE|FOLDER")
@click.option("--format", "kind", type=click.Choice(["csv", "json", "parquet"]), help="default: as the file is named")
@click.option("--table", help="executions (default for a file), nodes, events or variables")
@click.option("--force", is_flag=True, help="overwrite what is there")
@options.as_json
@options.store
def export(target: str, kind: str | None, table: str | None, force: bool, json_: bool, store: str | None) -> None:
    """Write what ran as CSV, JSON or Parquet: one table as a file, or all into a folder."""
    written = _service(store).export(Path(target), table, kind, force)
    if json_:
        options.print_json({str(path): count for path, count in written.items()})
        return
    for path, count in written.items():
        click.echo(f"{path}: {count} {'row' if count == 1 else 'rows'}")


@command.command("info")
@options.as_json
@options.store
def info(json_: bool, store: str | None) -> None:
    """Where the store lies, how large it is, and what is in it."""
    found = _service(store).info()
    if json_:
        options.print_json(found)
        return
    states = ", ".join(f"{count} {status}" for status, count in found["executions"].items()) or "none"
    click.echo(f"path        {found['path']}")
    click.echo(f"schema      {found['schema']}")
    beside = f"data frames and files {_mib(found['artifacts_bytes'])}, logs and copies {_mib(found['runs_bytes'])}"
    click.echo(f"size        {_mib(found['bytes'])}; beside it: {beside}")
    click.echo(f"executions  {states}")
    click.echo(f"rows        {', '.join(f'{name} {count}' for name, count in found['rows'].items())}")
    click.echo(f"backups     {', '.join(found['backups']) or 'none: yamlflow store backup'}")


def _mib(size: int) -> str:
    return f"{size / 1024 / 1024:.1f} MiB"


@command.command("verify")
@options.as_json
@options.store
def verify(json_: bool, store: str | None) -> int:
    """Whether the decisions of people stand as they were given: each holds the hash of the one before it."""
    count, broken = _service(store).verify()
    if json_:
        options.print_json({"decisions": count, "broken": broken})
    elif broken:
        for line in broken:
            click.echo(f"error YF610: {line}", err=True)
    else:
        click.echo(f"{count} decisions, none changed since")
    return options.FAILED if broken else options.OK


@command.command("gc")
@click.option("--older-than", metavar="AGE", help="remove executions that ended before so long, for example 30d")
@click.option("--keep-last", default=0, show_default=True, metavar="N", help="but of each pipeline not the newest N")
@click.option("--dry-run", is_flag=True, help="only say what would go")
@options.as_json
@options.store
def gc(older_than: str | None, keep_last: int, dry_run: bool, json_: bool, store: str | None) -> None:
    """Remove old executions, and objects to which no execution refers any more.

    Without --older-than only what nothing refers to. Nothing younger than a day is touched; approvals stay.
    """
    from yamlflow_nb.bootstrap import artifacts_of
    from yamlflow_nb.services.given_inputs import given_age

    service = _service(store)
    found = service.collect(artifacts_of(service.folder), given_age(older_than), keep_last, remove=not dry_run)
    if json_:
        options.print_json({"executions": found.executions, "objects": found.objects, "bytes": found.bytes, "removed": not dry_run})
        return
    verb = "would remove" if dry_run else "removed"
    click.echo(f"{verb} {len(found.executions)} executions and {found.objects} objects: {_mib(found.bytes)}")


@command.command("backup")
@click.argument("file", required=False, type=click.Path())
@options.as_json
@options.store
def backup(file: str | None, json_: bool, store: str | None) -> None:
    """Copy the store, also while pipelines run; without FILE beside it."""
    made = _service(store).back_up(Path(file) if file else None)
    if json_:
        options.print_json({"backup": str(made)})
    else:
        click.echo(f"written  {made}")
