"""``yamlflow diff A [B]``"""

from __future__ import annotations

import click

from yamlflow_nb.cli import options


@click.command("diff")
@click.argument("a", shell_complete=options.known_ids)
@click.argument("b", required=False, shell_complete=options.known_ids)
@options.as_json
@options.store
def command(a: str, b: str | None, json_: bool, store: str | None) -> int:
    """What is different between two executions: states, values, code, parameters, packages.

    ▶ marks the node in which they begin to differ. With one id: a fork, or a repetition, beside the execution that it comes from.
    Exit code 0 where nothing is different, 1 where something is.
    """
    found = options.opened(store).executions.diff(a, b)
    if json_:
        options.print_json(found.data)
    else:
        click.echo(str(found))
    return options.OK if found.same else options.FAILED
