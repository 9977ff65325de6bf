"""Tab after ``%pipeline`` and ``%%pipeline``: verbs, flags, and the kernel's variables for ``--inputs``."""

from __future__ import annotations

from typing import Any


def complete(shell: Any, event: Any) -> list[str]:
    """What may come next in the line; IPython keeps what fits the word that was begun."""
    from yamlflow_nb.views.commands import VERBS

    words = event.line.split()
    before = words if event.line.endswith(" ") else words[:-1]
    if before and before[-1] == "--inputs":
        return [name for name in shell.user_ns if not name.startswith("_")]
    if event.line.lstrip().startswith("%%"):
        return [flag for action in shell.find_cell_magic("pipeline").parser._actions for flag in action.option_strings]
    if len(before) <= 1:
        return list(VERBS)
    return [word for word in VERBS[before[1]].takes.split() if word.startswith("--")] if before[1] in VERBS else []


def install(shell: Any) -> None:
    """Asks ``complete`` for both magics."""
    for magic in ("%pipeline", "%%pipeline"):
        shell.set_hook("complete_command", complete, str_key=magic)
