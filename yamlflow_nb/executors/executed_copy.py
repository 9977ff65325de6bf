"""The executed copy of a notebook: written whole or not at all, and byte for byte the same for the same results."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat

_TIMES = ("papermill", "execution")
_PROCESS = re.compile(r"(/ipykernel_)\d+(?=/)")
"""Warnings name a cell by a folder with the kernel's process number in it."""


def with_ids(notebook: Any) -> Any:
    """The notebook in the format of today; cells without an id get one that is the same each time."""
    notebook.nbformat_minor = max(int(notebook.get("nbformat_minor", 5)), 5)
    for number, cell in enumerate(notebook.cells, 1):
        if not cell.get("id"):
            cell["id"] = f"cell-{number}"
    return notebook


def save_copy(notebook: Any, path: Path, masked: Callable[[str], str] = str) -> None:
    """Write it without what differs from run to run: times, process numbers, the order of keys."""
    kept = copy.deepcopy(notebook)
    for name in _TIMES:
        kept.metadata.pop(name, None)
        for cell in kept.cells:
            cell.metadata.pop(name, None)
    text = nbformat.writes(kept, version=nbformat.NO_CONVERT)  # type: ignore[no-untyped-call]
    scratch = path.with_name(f".{path.name}.part")
    scratch.write_text(masked(_PROCESS.sub(r"\g<1>0", text)) + "\n", encoding="utf-8")
    os.replace(scratch, path)
