"""``yamlflow simulate FILE``"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from yamlflow_nb.cli import options


@click.command("simulate")
@options.pipeline_file
@options.inputs
@click.option("--outcomes", type=click.Path(), metavar="FILE", help="JSON: node → outcome, or a list of one an attempt")
@click.option(
    "--event", "sent", type=(float, str), multiple=True, metavar="SECONDS NAME",
    help="custom.NAME, cancel, pause or resume at that second; custom.NAME={...} carries a payload",
)  # fmt: skip
@click.option("--until", type=float, help="stop at this virtual second")
@options.as_json
def command(
    file: str, given: tuple[str, ...], outcomes: str | None, sent: tuple[tuple[float, str], ...], until: float | None, json_: bool
) -> int:
    """Run a pipeline in virtual time; nothing is executed."""
    from yamlflow_nb.bootstrap import pipelines
    from yamlflow_nb.services.command_error import CommandError
    from yamlflow_nb.services.given_inputs import given_inputs

    script = None if outcomes is None else _script(Path(outcomes))
    try:
        done = pipelines().simulate(Path(file), given_inputs(given), script, [_event(*one) for one in sent], max_time=until)
    except ValueError as error:  # an outcome or event that is not of its form
        raise CommandError("YF712", str(error), "yamlflow simulate --help") from None
    if json_:
        options.print_json(_as_data(done))
    else:
        _print(done)
    return options.exit_code(done.status)


def _script(path: Path) -> dict[str, Any]:
    from yamlflow_nb.services.command_error import CommandError

    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise CommandError("YF712", f"{path} is no JSON: {error}", 'for example {"extract": {"state": "failed"}}') from None
    outcomes = found.values() if isinstance(found, dict) else [None]
    each = (one for outcome in outcomes for one in (outcome if isinstance(outcome, list) else [outcome]))
    if not all(isinstance(one, dict) for one in each):
        raise CommandError("YF712", f"{path} is no mapping of nodes to outcomes", 'for example {"extract": {"state": "failed"}}')
    return dict(found)


def _event(at: float, written: str) -> tuple[float, str, dict[str, Any]]:
    from yamlflow_nb.services.command_error import CommandError
    from yamlflow_nb.services.given_inputs import value_of

    name, separator, text = written.partition("=")
    payload = value_of(text) if separator else {}
    if not isinstance(payload, dict):
        raise CommandError("YF712", f"--event {at:g} {written}: a payload is a mapping", "for example custom.go='{\"rows\": 3}'")
    return at, name, payload


def _print(done: Any) -> None:
    for at, event, _ in done.events:
        click.echo(f"{at:>10.3f} s  {event}")
    for node in done.nodes.values():
        if node.error is not None:
            click.echo(f"\n{node.error.render()}")
    waiting = f", waiting for {', '.join(done.waiting_for)}" if done.waiting_for else ""
    click.echo(f"\n{done.status}{f' ({done.reason})' if done.reason else ''}{waiting}")
    if done.outputs:
        click.echo("outputs: " + ", ".join(f"{name} = {value!r}" for name, value in done.outputs.items()))
    if any(node.reason == "expression" for node in done.nodes.values()):
        click.echo("nothing was executed: what nodes give is told by --outcomes, nothing else is there to be read")


def _as_data(done: Any) -> dict[str, Any]:
    nodes = {
        name: {"state": node.state, "reason": node.reason, "attempts": node.attempts, "started_at": node.started_at,
               "finished_at": node.finished_at, "outputs": node.outputs,
               "error": None if node.error is None else node.error.to_dict()}
        for name, node in done.nodes.items()
    }  # fmt: skip
    events = [list(event) for event in done.events]
    return {"status": done.status, "reason": done.reason, "nodes": nodes, "events": events, "outputs": done.outputs,
            "waiting_for": list(done.waiting_for)}  # fmt: skip
