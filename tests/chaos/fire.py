"""Starts, kills and resumes real processes, and reads what is left of them."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0
TOTAL = (2 + 3 + 40 + 60 + 285) * 2
"""What the pipeline gives, however often its processes die."""
RUNS = {"first", "left", "right", "flaky", "each", "sum", "last"}


class Nursery:
    """The process that forks children; one job at a time."""

    def __init__(self, folder: Path) -> None:
        self.reading, self.told = os.pipe()
        os.set_inheritable(self.told, True)
        self.errors = folder / "errors.txt"
        self._errors = self.errors.open("ab")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.nursery"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self._errors, text=True, pass_fds=(self.told,), env={**os.environ, "YAMLFLOW_CRASH_AT": ""},
        )  # fmt: skip

    def begin(self, **job: Any) -> int:
        """Let a child do a job; its process id."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def ended(self) -> int:
        """Wait for the child: its exit code, or minus the signal that killed it."""
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())

    def lines(self) -> Iterator[str]:
        """What tasks write into the ledger, as they do."""
        text = ""
        while True:
            ready, _, _ = select.select([self.reading], [], [], PATIENCE)
            assert ready, f"nothing more came; {self.errors.read_text()[-2000:]}"
            text += os.read(self.reading, 4096).decode()
            *whole, text = text.split("\n")
            yield from whole

    def drain(self) -> None:
        """Forget what a dead child has said."""
        os.set_blocking(self.reading, False)
        with contextlib.suppress(BlockingIOError):
            while os.read(self.reading, 65536):
                pass
        os.set_blocking(self.reading, True)

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._errors.close()
        os.close(self.reading)
        os.close(self.told)


class Range:
    """One store and one ledger under fire."""

    def __init__(self, nursery: Nursery, folder: Path) -> None:
        folder.mkdir()
        self.nursery = nursery
        self.store = folder / "store.db"
        self.ledger = folder / "ledger.txt"

    def begin(self, hold: str = "", gate: str = "", **job: Any) -> int:
        self.nursery.drain()
        env = {"CHAOS_LEDGER": str(self.ledger), "CHAOS_TOLD": str(self.nursery.told), "CHAOS_HOLD": hold, "CHAOS_GATE": gate}
        return self.nursery.begin(store=str(self.store), env=env, **job)

    def until(self, line: str) -> None:
        """Wait until a task has written this."""
        for told in self.nursery.lines():
            if told == line:
                return

    def kill(self, process: int) -> None:
        os.kill(process, signal.SIGKILL)
        assert self.nursery.ended() == -signal.SIGKILL

    def rows(self, query: str, *values: Any) -> list[Any]:
        with contextlib.closing(sqlite3.connect(self.store)) as connection:
            return connection.execute(query, values).fetchall()

    def runs(self) -> Counter[tuple[str, str]]:
        """How often each node (and item) was begun, by the ledger."""
        if not self.ledger.exists():
            return Counter()
        words = [line.split() for line in self.ledger.read_text().splitlines()]
        return Counter((node, item) for node, item, _, what in words if what == "start")

    def left(self) -> Left:
        return Left(self)


class Left:
    """What a killed process has left: what is committed of it, and what its tasks had done."""

    def __init__(self, at: Range) -> None:
        self.id, self.status, self.facts = None, None, 0
        self.events, self.completed, self.variables, self.running, self.runs = [], set(), {}, [], at.runs()
        if not at.store.exists() or not at.rows("SELECT 1 FROM sqlite_schema WHERE name = 'executions'"):
            return
        found = at.rows("SELECT id, status, facts FROM executions")
        if found:
            self.id, self.status, self.facts = found[0]
        self.events = at.rows("SELECT number, type, payload FROM events ORDER BY number")
        self.completed = {name for (name,) in at.rows("SELECT node FROM nodes WHERE state = 'completed'")}
        self.variables = dict(at.rows("SELECT scope || '.' || name, value FROM variables"))
        self.running = [name for (name,) in at.rows("SELECT node FROM nodes WHERE state = 'running'")]
        assert at.rows("PRAGMA integrity_check") == [("ok",)]


def assert_nothing_was_lost(before: Left, after: Left) -> None:
    """What was committed is there still, unchanged, and no node that had completed was begun again."""
    assert after.events[: len(before.events)] == before.events
    assert before.completed <= after.completed
    for name, value in before.variables.items():
        assert after.variables[name] == value
    again = {node for node, item in after.runs if after.runs[node, item] > before.runs[node, item]}
    assert not again & before.completed


def resumed(at: Range, left: Left) -> Left:
    """Go on in another process, to the end."""
    at.begin(do="resume", id=left.id)
    code = at.nursery.ended()
    assert code == 0, at.nursery.errors.read_text()[-3000:]
    after = at.left()
    assert after.status == "completed"
    assert after.variables["last.n"] == str(TOTAL)
    assert {node for node, _ in after.runs} == RUNS
    return after
