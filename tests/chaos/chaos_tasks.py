"""What the nodes of the pipeline under fire do: they write into a ledger that the engine does not own, and may be held."""

from __future__ import annotations

import os
import threading
from typing import Any

from yamlflow_nb.domain.current_work import current_work

LEDGER, TOLD, HOLD, GATE = "CHAOS_LEDGER", "CHAOS_TOLD", "CHAOS_HOLD", "CHAOS_GATE"
"""Environment: the ledger's path, a pipe that says each line at once, the node that never ends, and ``node:fifo`` of one that
ends when somebody opens the fifo."""


def note(word: str) -> None:
    """One line in the ledger: node, item, attempt, what."""
    work = current_work.get()
    assert work is not None
    key = work.attempt
    line = f"{key.node} {key.item} {key.number} {word}\n".encode()
    ledger = os.open(os.environ[LEDGER], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(ledger, line)
    os.close(ledger)
    if os.environ.get(TOLD):
        try:
            os.write(int(os.environ[TOLD]), line)
        except BrokenPipeError:
            pass


def number(node: str, gives: int) -> dict[str, Any]:
    note("start")
    if os.environ.get(HOLD) == node:
        threading.Event().wait()
    if os.environ.get(GATE) and os.environ[GATE].startswith(f"{node}:"):
        with open(os.environ[GATE].partition(":")[2], encoding="utf-8") as gate:
            gate.read()
    note("done")
    return {"n": gives}


def flaky(node: str, gives: int) -> dict[str, Any]:
    """Fails until it has failed once."""
    note("start")
    if os.environ.get(HOLD) == node:
        threading.Event().wait()
    with open(os.environ[LEDGER], encoding="utf-8") as ledger:
        failed = any(line.startswith("flaky ") and line.endswith(" failed\n") for line in ledger)
    if not failed:
        note("failed")
        raise ValueError("not the first time")
    note("done")
    return {"n": gives}
