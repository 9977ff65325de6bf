"""What several verbs take, and how they print."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from pathlib import Path

    from yamlflow_nb.bootstrap import Services
    from yamlflow_nb.domain.ports.catalogue import Published
    from yamlflow_nb.services.execution import Execution

OK, FAILED, USAGE, WAITING, INTERRUPTED = 0, 1, 2, 3, 130
"""Exit codes."""
_COLOURS = {"✓": "green", "✗": "red", "■": "yellow", "▶": "cyan", "…": "magenta", "↻": "yellow", "!": "yellow", "‖": "yellow"}
_TREE = re.compile(r"^((?:[├└]─ )?)([✓✗■▶…↻!‖])(?= )", re.MULTILINE)

Function = TypeVar("Function", bound=Callable[..., Any])


def store(function: Function) -> Function:
    return click.option("--store", metavar="PATH", help="another store than the configured one")(function)


def as_json(function: Function) -> Function:
    return click.option("--json", "json_", is_flag=True, help="print JSON")(function)


def inputs(function: Function) -> Function:
    return click.option("--input", "-i", "given", multiple=True, metavar="NAME=VALUE", help="an input; VALUE is JSON or a text")(
        function
    )


def no_cache(function: Function) -> Function:
    return click.option("--no-cache", "fresh", is_flag=True, help="run every node, whatever the cache has")(function)


def execution_id(function: Function) -> Function:
    return click.argument("execution", required=False, shell_complete=known_ids)(function)


def execution_and_nodes(function: Function) -> Function:
    """``[EXECUTION] [NODE]...``: see ``split``."""
    return click.argument("words", nargs=-1, metavar="[EXECUTION] [NODE]...", shell_complete=known_ids_and_nodes)(function)


def decision(function: Function) -> Function:
    """What ``approve`` and ``reject`` both take: ``[NODE] [EXECUTION]`` in any order, the answer, and how it is told."""
    for option in (
        store,
        as_json,
        click.option("--shown", metavar="HASH", help="what was looked at (yamlflow approvals): refused where it is another now"),
        click.option("--item", type=click.IntRange(min=0), help="of a forEach: the item, from 0"),
        click.option("--comment", "-m", default="", help="why; kept with the decision"),
        click.option("--action", metavar="ID", help="another answer of those that the approval lists"),
        click.argument("words", nargs=-1, metavar="[NODE] [EXECUTION]", shell_complete=known_ids),
    ):
        function = option(function)
    return function


def split(words: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """Ids of executions begin with a digit, ids of nodes never do: either may be left out."""
    first = words[0] if words and words[0][:1].isdigit() else None
    return first, words[1:] if first else words


def known_ids(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[Any]:
    """The newest executions, for completion by a shell; whatever goes wrong, it stays silent."""
    from click.shell_completion import CompletionItem

    try:
        found = opened(context.params.get("store")).executions.list(limit=20)
    except Exception:
        return []
    return [CompletionItem(one.id, help=f"{one.status} {one.pipeline}") for one in found if one.id.startswith(incomplete)]


def known_nodes(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[Any]:
    """The nodes of the execution that is named before, else of the newest; silent too."""
    from click.shell_completion import CompletionItem

    words = context.params.get("words") or ()
    try:
        nodes = opened(context.params.get("store")).executions.get(split(words)[0]).nodes
    except Exception:
        return []
    found = {name: node for name, node in nodes.items() if name.startswith(incomplete) and name not in words}
    return [CompletionItem(name, help=node.state) for name, node in found.items()]


def known_ids_and_nodes(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[Any]:
    """What may stand in ``[EXECUTION] [NODE]...``: an id only first."""
    ids = [] if context.params.get("words") else known_ids(context, parameter, incomplete)
    return [*known_nodes(context, parameter, incomplete), *ids]


def pipeline_file(function: Function) -> Function:
    """A file is looked for by the service, so that a wrong path is told in the same words everywhere, and in JSON."""
    return click.argument("file", type=click.Path())(function)


def published(one: Published) -> dict[str, Any]:
    """A published version as JSON, without its text."""
    from dataclasses import asdict

    return {"reference": one.reference, **{name: value for name, value in asdict(one).items() if name != "text"}}


def opened(named: str | None) -> Services:
    """The services for a verb that only looks."""
    from yamlflow_nb.bootstrap import services

    return services(named, to_read=True)


def replace_file(path: Path, data: bytes) -> None:
    """A mended file, written whole or not at all: a full disk must not leave half a pipeline."""
    beside = path.with_name(f".{path.name}.mended")
    beside.write_bytes(data)
    os.chmod(beside, path.stat().st_mode & 0o777)
    os.replace(beside, path.resolve())
    click.echo(f"mended {path}", err=True)


def painted(tree: str) -> str:
    """A tree with its marks in colour, where a terminal can show them and NO_COLOR does not forbid it."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not sys.stdout.isatty():
        return tree
    return _TREE.sub(lambda found: found[1] + click.style(found[2], fg=_COLOURS[found[2]]), tree)


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def print_execution(execution: Execution) -> None:
    """An execution as JSON; outputs as values, not as the texts that views show."""
    shown, nodes = execution.snapshot(), execution.nodes
    for node in shown["nodes"]:
        node["outputs"] = dict(nodes[node["id"]].outputs)
    print_json({**shown, "outputs": execution.outputs})


def exit_code(status: str) -> int:
    """What a script learns from an execution's state."""
    codes = {"completed": OK, "running": WAITING, "waiting": WAITING, "paused": WAITING, "interrupted": INTERRUPTED}
    return codes.get(status, FAILED)
