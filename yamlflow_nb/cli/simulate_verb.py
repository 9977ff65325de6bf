"""``yamlflow simulate FILE``"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from yamlflow_nb.cli import options


@click.command("simulate")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@options.inputs
@click.option("--outcomes", type=click.Path(exists=True, dir_okay=False), help="JSON: node → outcome, or a list of one an attempt")
@click.option("--until", type=float, help="stop at this virtual second")
@options.as_json
def command(file: str, given: tuple[str, ...], outcomes: str | None, until: float | None, json_: bool) -> int:
    """Run a pipeline in virtual time; nothing is executed."""
    from yamlflow_nb.bootstrap import pipelines

    script = json.loads(Path(outcomes).read_text(encoding="utf-8")) if outcomes else None
    done = pipelines().simulate(Path(file), options.read_inputs(given), script, max_time=until)
    if json_:
        options.print_json(_as_data(done))
    else:
        for at, event, _ in done.events:
            click.echo(f"{at:>10.3f} s  {event}")
        click.echo(f"{done.status}{f' ({done.reason})' if done.reason else ''}")
        for name, node in done.nodes.items():
            if node.error is not None:
                click.echo(f"{name}: {node.error.message}")
    return options.exit_code(done.status)


def _as_data(done: Any) -> dict[str, Any]:
    nodes = {
        name: {"state": node.state, "reason": node.reason, "attempts": node.attempts, "started_at": node.started_at,
               "finished_at": node.finished_at, "outputs": node.outputs}
        for name, node in done.nodes.items()
    }  # fmt: skip
    events = [list(event) for event in done.events]
    return {"status": done.status, "reason": done.reason, "nodes": nodes, "events": events, "outputs": done.outputs}
