"""``yamlflow reject [NODE] [EXECUTION]``"""

from __future__ import annotations

import click

from yamlflow_nb.cli import options


@click.command("reject")
@options.decision
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
