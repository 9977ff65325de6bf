"""Notebooks → the text of a first pipeline: one after the other, parameters offered, every line explained."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from yamlflow_nb.services.command_error import CommandError

_HEAD = """\
# A pipeline of your notebooks, one after the other. They are never written: each run keeps an executed copy.
name: {name}
nodes:
"""
_FIRST = """\
  - id: {id}
    type: notebook
    path: {path}
"""
_BINDINGS = """\
    inputBindings: # its parameters, as the notebook has them; or what another node gave: "{{ node.output }}"
"""
_AFTER = """\
    startWhen: "event:{before}.completed" # or what you like: `{before}.failed`, `&&`, `||`, {{{{ {before}.rows > 0 }}}}
"""
_TAIL = """\
    # outputs: {rows: integer, table: dataframe} # variables of the notebook that other nodes may read
"""


def draft(notebooks: Sequence[str]) -> str:
    """The YAML of a pipeline that runs these notebooks. Raises ``CommandError`` (YF705) for one that cannot be read."""
    ids: list[str] = []
    parts = [_HEAD.format(name=_name(Path(notebooks[0]).absolute().parent.name))]
    for path in notebooks:
        parameters = _parameters(Path(path))
        node = _name(Path(path).stem)
        node = node if node not in ids else f"{node}_{len(ids) + 1}"
        parts.append(_FIRST.format(id=node, path=json.dumps(path)))
        parts += _bindings(parameters)
        if ids:
            parts.append(_AFTER.format(before=ids[-1]))
        parts.append(_TAIL)
        ids.append(node)
    return "".join(parts)


def _bindings(parameters: dict[str, Any]) -> list[str]:
    if not parameters:
        return []
    lines = [f"      {name}: {json.dumps(value)}\n" for name, value in parameters.items()]
    return [_BINDINGS, *lines]


def _parameters(path: Path) -> dict[str, Any]:
    """The plain values that the cell tagged ``parameters`` assigns."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        tagged = [cell for cell in cells if "parameters" in cell.get("metadata", {}).get("tags", [])]
        tree = ast.parse("".join(tagged[0]["source"])) if tagged else ast.Module([], [])
    except OSError as error:
        raise CommandError("YF705", f"{path}: {error.strerror or 'it cannot be read'}", f"looked from {Path.cwd()}") from None
    except (ValueError, KeyError, TypeError, SyntaxError, AttributeError, RecursionError):
        raise CommandError("YF712", f"{path} is no notebook that can be read", "%pipeline init a.ipynb b.ipynb") from None
    found: dict[str, Any] = {}
    for line in tree.body:
        if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name):
            try:
                value = ast.literal_eval(line.value)
                json.dumps(value)
            except (ValueError, TypeError):
                continue  # an expression: left to the notebook
            if value is not None:
                found[line.targets[0].id] = value
    return found


def _name(text: str) -> str:
    """A name as nodes and pipelines have it."""
    name = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
    return name if name and name[0].isalpha() else f"nb_{name}".rstrip("_")
