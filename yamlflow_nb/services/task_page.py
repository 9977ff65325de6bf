"""A task type → what its model tells: a section of the reference, or text for a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from yamlflow_nb.domain.task_definition import TaskType


class FieldView(NamedTuple):
    """One field as people read it; ``default`` is JSON, or ``needed``."""

    name: str
    kind: str
    default: str
    told: str


def fields_of(task: TaskType) -> Iterator[FieldView]:
    """The fields of a type, in the order of its model."""
    schema = task.fields.model_json_schema(by_alias=True)
    needed = set(schema.get("required", ()))
    for name, told in schema.get("properties", {}).items():
        value = told.get("default")
        default = "needed" if name in needed else "" if value in (None, {}, []) else json.dumps(value)
        yield FieldView(name, _kind(told), default, " ".join(told.get("description", "").split()))


def section(task: TaskType) -> list[str]:
    """The lines of its section in Markdown."""
    lines = [f"## {task.name}", "", task.summary, ""]
    about = _about(task)
    if about:
        lines += [about, ""]
    lines += ["| Field | Type | Default | |", "|---|---|---|---|"]
    for field in fields_of(task):
        default = field.default if field.default in ("", "needed") else f"`{field.default}`"
        lines.append(f"| `{field.name}` | {field.kind} | {default} | {field.told.replace('|', chr(92) + '|')} |")
    outputs = ", ".join(f"`{output}` ({kind})" for output, kind in task.outputs.items()) or "those that the node declares"
    lines += ["", f"Outputs: {outputs}.", ""]
    if task.events:
        lines += ["Events of its own: " + ", ".join(f"`{event}`" for event in task.events) + ".", ""]
    return [*lines, f"When its process dies in the middle: `{task.on_interrupt}`.", ""]


def in_words(task: TaskType, package: str | None) -> str:
    """The same for a terminal."""
    lines = [f"{task.name}: {task.summary}{f'  ({package})' if package else ''}"]
    about = _about(task)
    if about:
        lines += ["", about.replace("``", "`")]
    rows = [(field.name, field.kind.replace("`", ""), field.default, field.told) for field in fields_of(task)]
    widths = [max((len(row[place]) for row in rows), default=0) for place in range(3)]
    lines += ["", "fields" if rows else "no fields of its own"]
    lines += ["  " + "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths)), row[3]]).rstrip() for row in rows]
    outputs = ", ".join(f"{output} ({kind})" for output, kind in task.outputs.items()) or "those that the node declares"
    return "\n".join([*lines, "", f"outputs: {outputs}", f"when its process dies in the middle: {task.on_interrupt}"])


def _about(task: TaskType) -> str:
    """What the model says of itself, as one paragraph."""
    return " ".join((task.fields.__dict__.get("__doc__") or "").split())


def _kind(told: dict[str, Any]) -> str:
    if "enum" in told:
        return " ".join(f"`{value}`" for value in told["enum"])
    if "anyOf" in told:
        return " or ".join(_kind(one) for one in told["anyOf"] if one.get("type") != "null")
    return str(told.get("type") or told.get("$ref", "any").rsplit("/", 1)[-1])
