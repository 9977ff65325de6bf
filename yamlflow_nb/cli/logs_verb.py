"""``yamlflow logs [EXECUTION] [NODE]``"""

from __future__ import annotations

import json
import time
from typing import Any

import click

from yamlflow_nb.cli import options


@click.command("logs")
@options.execution_and_nodes
@click.option("--follow", "-f", is_flag=True, help="go on until the node, or the execution, has ended")
@options.as_json
@options.store
def command(words: tuple[str, ...], follow: bool, json_: bool, store: str | None) -> None:
    """What the tasks of an execution said: print(), yamlflow_nb.log() and the output of notebooks, one record a line.

    With --follow and --json each line is one JSON object.
    """
    execution, nodes = options.split(words)
    executions = options.opened(store).executions
    for node in nodes or (None,):
        records = executions.logs(execution, node, follow=follow)
        if json_ and not follow:
            options.print_json([vars(record) for record in sorted(records, key=lambda record: record.at)])
            continue
        for record in records if follow else sorted(records, key=lambda record: record.at):
            click.echo(json.dumps(vars(record), ensure_ascii=False) if json_ else _line(record))


def _line(record: Any) -> str:
    from yamlflow_nb.services.run_text import one_line

    at = time.strftime("%H:%M:%S", time.localtime(record.at))
    again = "" if record.attempt == "r1-a1" else f" {record.attempt}"
    return f"{at}  {record.node}{again}  {one_line(record.text)}"
