"""What several verbs take, and how they print."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])


def store(function: Function) -> Function:
    return click.option("--store", metavar="PATH", help="another store than the configured one")(function)


def as_json(function: Function) -> Function:
    return click.option("--json", "json_", is_flag=True, help="print JSON")(function)


def inputs(function: Function) -> Function:
    return click.option("--input", "-i", "given", multiple=True, metavar="NAME=VALUE", help="an input; VALUE is JSON or a text")(
        function
    )


def execution_id(function: Function) -> Function:
    return click.argument("execution", required=False)(function)


def read_inputs(pairs: tuple[str, ...]) -> dict[str, Any]:
    """``name=value`` pairs; a value is JSON where it can be read as such, else a text."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator:
            raise click.UsageError(f"--input wants name=value, not {pair!r}")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def exit_code(status: str) -> int:
    """What a script learns from an execution's state."""
    return {"completed": 0, "running": 3, "waiting": 3, "paused": 3}.get(status, 1)
