"""A notebook task's inputs → the cell that assigns them, and where it goes.

JSON values are written as literals that keep their type, references as what reads them, so that the executed copy runs by
itself.
"""

from __future__ import annotations

import datetime as dt
import keyword
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from difflib import get_close_matches
from typing import Any
from uuid import UUID

from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.executors.declared import is_reference

TAG = "injected-parameters"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_MODULES = ("datetime", "decimal", "uuid", "yamlflow_nb")


def check_names(inputs: Mapping[str, Any]) -> None:
    """Names become code: only plain ones may. Raises ``TaskFailed``."""
    for name in inputs:
        if not _NAME.fullmatch(name) or keyword.iskeyword(name):
            raise TaskFailed("ParameterName", f"{name!r} cannot be a parameter: letters, digits and _, no keyword of Python")


def assignments(inputs: Mapping[str, Any], language: str = "python") -> str:
    """The source of the cell; empty where there is nothing to assign. Raises ``TaskFailed``."""
    check_names(inputs)
    if not inputs:
        return ""
    if language != "python":
        return _translated(inputs, language)
    # A parameter called `datetime` hides the module: it is assigned after those that need it.
    order = sorted(inputs, key=lambda name: name in _MODULES)
    lines = [f"{name} = {literal(inputs[name])}" for name in order]
    used = [module for module in _MODULES if any(f"{module}." in line.partition(" = ")[2] for line in lines)]
    return "\n".join(["# Parameters", *(f"import {module}" for module in used), *lines])


def literal(value: Any) -> str:
    """Python source that gives the value again, equal and of its type.

    >>> literal([1, None, float("nan"), "a'b"])
    '[1, None, float("nan"), "a\\'b"]'
    """
    if is_reference(value):
        of = f":{value['of']}" if "of" in value else ""
        return f'yamlflow_nb.read("artifact:{value["sha256"]}{of}")'
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{str(key)!r}: {literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(literal, value)) + "]"
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, dt.datetime):
        return f'datetime.datetime.fromisoformat("{value.isoformat()}")'
    if isinstance(value, dt.date):
        return f'datetime.date.fromisoformat("{value.isoformat()}")'
    if isinstance(value, Decimal):
        return f'decimal.Decimal("{value}")'
    if isinstance(value, UUID):
        return f'uuid.UUID("{value}")'
    return repr(value)


def _translated(inputs: Mapping[str, Any], language: str) -> str:
    """For a kernel of another language what papermill can write of JSON values; a reference is its file's path."""
    from papermill.exceptions import PapermillException
    from papermill.translators import papermill_translators

    plain = {name: str(value["path"]) if is_reference(value) else value for name, value in inputs.items()}
    try:
        return str(papermill_translators.find_translator(language, language).codify(plain))
    except PapermillException as error:
        raise TaskFailed("ParametersError", f"parameters cannot be written in {language}: {error}") from None


def inject(notebook: Any, source: str, wanted: str | int | None) -> int | None:
    """Put the cell behind the parameters' cell (by tag, default ``parameters``, or by number from 1), else first; its place."""
    import nbformat

    notebook.cells = [cell for cell in notebook.cells if TAG not in cell.metadata.get("tags", ())]
    if not source:
        return None
    found = parameters_cell(notebook, wanted)
    if found is None and wanted is not None:
        raise TaskFailed("ParametersError", f"the notebook has no cell {wanted!r} (`parametersCell`)")
    position = 0 if found is None else found + 1
    # nbformat is untyped
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": [TAG]}, id=TAG)  # type: ignore[no-untyped-call]
    notebook.cells.insert(position, cell)
    return position


def parameters_cell(notebook: Any, wanted: str | int | None) -> int | None:
    """The place of the cell that holds the defaults of parameters."""
    wanted = wanted if wanted is not None else "parameters"
    for index, cell in enumerate(notebook.cells):
        if wanted == index + 1 or wanted in cell.metadata.get("tags", ()):
            return index
    return None


def check_known(notebook: Any, work: Work, language: str = "python") -> None:
    """Inputs that the parameters' cell does not know: one that is close to a known name is a mistake, another may be used further
    down. Raises ``TaskFailed``."""
    place = parameters_cell(notebook, work.fields.get("parametersCell"))
    known = set() if place is None else _assigned(str(notebook.cells[place].source))
    if known is None or language != "python":
        return
    rest = "\n".join(str(cell.source) for cell in notebook.cells if cell.cell_type == "code")
    for name in work.inputs:
        if name in known:
            continue
        read = re.search(rf"\b{name}\b", rest) is not None
        if place is None:
            if not read:
                work.note(f"the notebook never reads the parameter `{name}`")
        elif not read:
            close = get_close_matches(name, list(known), 1)
            hint = f"did you mean `{close[0]}`?" if close else f"it assigns {', '.join(sorted(known)) or 'nothing'}"
            raise TaskFailed("UnknownParameter", f"the notebook has no parameter `{name}`: {hint}")
        else:
            work.note(f"`{name}` is not assigned in the parameters' cell; the notebook reads it without a default")


def _assigned(source: str) -> set[str] | None:
    """The names that a cell assigns; None where it cannot be read (magics)."""
    import ast

    try:
        tree = ast.parse(source)
    except SyntaxError:
        return None
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
