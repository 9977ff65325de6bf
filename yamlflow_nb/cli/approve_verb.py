"""``yamlflow approve [NODE] [EXECUTION]``"""

from __future__ import annotations

import click

from yamlflow_nb.cli import options


@click.command("approve")
@click.option("--set", "values", multiple=True, metavar="FIELD=VALUE", help="a value of the form; VALUE is JSON or a text")
@options.decision
def command(
    words: tuple[str, ...],
    values: tuple[str, ...],
    action: str | None,
    comment: str,
    item: int | None,
    shown: str | None,
    json_: bool,
    store: str | None,
) -> int:
    """Approve, as the user of this machine; without NODE what waits, if it is one thing alone.

    It can be said from any terminal: also while a run is driven elsewhere, and while nobody drives it (then it is kept, and
    taken in by `yamlflow resume`). The first valid decision counts; a later one is told the first.
    """
    from yamlflow_nb.cli.deciding import decide

    return decide(words, False, values, action, comment, item, shown, json_, store)
