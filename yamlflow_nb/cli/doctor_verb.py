"""``yamlflow doctor``"""

from __future__ import annotations

import click

from yamlflow_nb.cli import options

_MARKS = {"ok": "✓", "warning": "!", "wrong": "✗"}


@click.command("doctor")
@options.as_json
@options.store
def command(json_: bool, store: str | None) -> int:
    """Say what is there, what is missing, and what to do: Python, SQLite, the store, kernels, extras, configuration.

    Changes nothing. Exit code 1 where something is wrong; a warning is none.
    """
    from yamlflow_nb.bootstrap import doctor

    found = doctor(store).findings()
    if json_:
        options.print_json([one._asdict() for one in found])
    else:
        width = max(len(one.what) for one in found)
        for one in found:
            click.echo(options.painted(f"{_MARKS[one.state]} {one.what:<{width}}  {one.told}"))
            if one.todo:
                click.echo(f"  {'':<{width}}  → {one.todo}")
    return options.FAILED if any(one.state == "wrong" for one in found) else options.OK
