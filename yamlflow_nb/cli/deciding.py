"""What ``approve`` and ``reject`` share."""

from __future__ import annotations

import click

from yamlflow_nb.cli import options


def decide(
    words: tuple[str, ...], rejects: bool, values: tuple[str, ...], action: str | None, comment: str, item: int | None,
    shown: str | None, json_: bool, store: str | None,
) -> int:  # fmt: skip
    """Find the approval, decide, and say where the decision is now."""
    from yamlflow_nb.cli.bring import handed_in
    from yamlflow_nb.services.given_inputs import given_inputs

    name, nodes = either_way(words)
    if len(nodes) > 1:
        raise click.UsageError(f"one node at a time: {', '.join(nodes)}")
    node = nodes[0] if nodes else None
    executions = options.opened(store).executions
    found = executions.asking(node, name)
    form = given_inputs(values, "--set")
    texts = dict(pair.split("=", 1) for pair in values)
    found.decide(node, rejects, action, form, comment, item, shown, texts)
    if found.is_taken_in:
        return handed_in(found, executions, json_)
    if json_:
        options.print_json(found.snapshot())
    else:
        click.echo(f"kept: nobody runs it now. `yamlflow resume {found.id}` goes on with it")
    return options.OK


def either_way(words: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """Ids of executions begin with a digit, ids of nodes never do: they may come in any order."""
    first = next((word for word in words if word[:1].isdigit()), None)
    return first, tuple(word for word in words if word is not first)
