"""Who is before the page: a person who goes on working, or a program that runs the notebook by itself."""

from __future__ import annotations

import os
from typing import Any


def waits(shell: Any) -> bool:
    """Whether a cell has to wait for its pipeline: nobody could look later. Programs that run notebooks (papermill, nbclient,
    nbconvert) allow no input; a terminal has no output that could be drawn again; ``YAMLFLOW_WAIT=1`` says so."""
    if os.environ.get("YAMLFLOW_WAIT") == "1":
        return True
    kernel = getattr(shell, "kernel", None)
    if kernel is None:
        return True
    try:
        return not kernel.get_parent("shell")["content"]["allow_stdin"]
    except (AttributeError, KeyError, TypeError):
        return not getattr(kernel, "_allow_stdin", True)
