"""A run in a terminal: its tree, drawn again in place as it goes on; in a pipe, the tree of its end."""

from __future__ import annotations

import sys
import time
from typing import Any

COLOURS = {
    "✓": "green", "✗": "red", "▶": "blue", "↻": "yellow", "■": "yellow", "-": "bright_black", "·": "bright_black", "…": "magenta",
}  # fmt: skip


def follow(run: Any) -> None:
    """Until it has ended."""
    if not sys.stdout.isatty():
        print(run.wait())
        return
    from rich.console import Console
    from rich.live import Live

    # Not redirected: what tasks print is kept in their logs, and nothing of the tree.
    drawn = Live(
        console=Console(), auto_refresh=False, vertical_overflow="visible", redirect_stdout=False, redirect_stderr=False
    )
    with drawn as live:
        seen = run.version
        while True:
            live.update(coloured(str(run)), refresh=True)
            if run.status in ("completed", "failed", "cancelled", "interrupted"):
                return
            time.sleep(0.1)  # changes that come close together are drawn together
            seen = run.wait_for_change(seen, 5.0)


def coloured(tree: str) -> Any:
    """The tree, each line in the colour of its mark."""
    from rich.text import Text

    text = Text()
    for line in tree.splitlines():
        mark = next((char for char in line if char in COLOURS), "")
        text.append(line + "\n", style=COLOURS.get(mark, ""))
    text.rstrip()
    return text
