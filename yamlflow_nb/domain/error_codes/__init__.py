"""Every code that a user can meet: what it means and what to do. The docs' reference is generated from these tables.

``YF1xx`` the document, ``YF2xx`` expressions, ``YF3xx`` checks of the whole, ``YF4xx`` inputs and values,
``YF5xx`` tasks, ``YF6xx`` runs and store, ``YF7xx`` commands and cells.
"""

from __future__ import annotations

from importlib import import_module
from typing import NamedTuple


class ErrorCode(NamedTuple):
    """One row: the title, why it is an error, an example that has it and how it is mended."""

    title: str
    why: str
    example: str = ""
    remedy: str = ""


_ROOMS = ("document", "expressions", "checks", "values", "tasks", "runs", "commands")


def all_codes() -> dict[str, ErrorCode]:
    """The whole table, in order of code."""
    table: dict[str, ErrorCode] = {}
    for room in _ROOMS:
        table.update(import_module(f"{__name__}.{room}").CODES)
    return dict(sorted(table.items()))
