"""``yamlflow reject [NODE] [EXECUTION]``"""

from __future__ import annotations

import click

from yamlflow_nb.cli import options


@click.command("reject")
@click.argument("words", nargs=-1, metavar="[NODE] [EXECUTION]", shell_complete=options.known_ids)
@click.option("--action", metavar="ID", help="another answer of those that the approval lists")
@click.option("--comment", "-m", default="", help="why; kept with the decision")
@click.option("--item", type=click.IntRange(min=0), help="of a forEach: the item, from 0")
@click.option("--shown", metavar="HASH", help="what was looked at (yamlflow approvals): refused where it is another now")
@options.as_json
@options.store
def command(
    words: tuple[str, ...],
    action: str | None,
    comment: str,
    item: int | None,
    shown: str | None,
    json_: bool,
    store: str | None,
) -> int:
    """Reject: the node fails with reason `rejected`, and what asks for its success is blocked.

    It can be said from any terminal, also while nobody drives the run: see `yamlflow approve`.
    """
    from yamlflow_nb.cli.deciding import decide

    return decide(words, True, (), action, comment, item, shown, json_, store)
