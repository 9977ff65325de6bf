"""What several verbs take, and how they print."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from yamlflow_nb.bootstrap import Services

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


def pipeline_file(function: Function) -> Function:
    """A file is looked for by the service, so that a wrong path is told in the same words everywhere, and in JSON."""
    return click.argument("file", type=click.Path())(function)


def opened(named: str | None) -> Services:
    """The services for a verb that only looks."""
    from yamlflow_nb.bootstrap import services

    return services(named, to_read=True)


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def exit_code(status: str) -> int:
    """What a script learns from an execution's state."""
    return {"completed": 0, "running": 3, "waiting": 3, "paused": 3}.get(status, 1)
