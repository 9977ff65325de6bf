"""Which process works at an attempt: written into its folder, so that the next attempt can wait for it, or end it.

The process that runs pipelines may be killed while a kernel of its goes on; two attempts at one node must not overlap.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from yamlflow_nb.domain.work import Work
from yamlflow_nb.executors.ladder import PATIENCE

_NAME = "process.json"
GRACE = 5.0
"""Seconds that a process which lost its parent is given to notice: kernels look once a second."""


def record_process(folder: Path, pid: int) -> None:
    """Write down who works here."""
    path = folder / f".{_NAME}"
    told = {"pid": pid, "started": started(pid), "owner": os.getpid(), "owner_started": started(os.getpid())}
    path.write_text(json.dumps(told), encoding="utf-8")
    os.replace(path, folder / _NAME)


def forget_process(folder: Path) -> None:
    """Nobody works here any more."""
    (folder / _NAME).unlink(missing_ok=True)


def end_earlier(work: Work) -> None:
    """Wait until nobody works at an earlier attempt of this node; kill who does not end by itself."""
    for folder in work.earlier():
        pid = alive(folder)
        if pid is None:
            continue
        work.note(f"process {pid} of attempt {folder.name} still runs: it is waited for")
        # One that this very process is stopping gets the time of the whole ladder.
        until = time.monotonic() + (4 * PATIENCE if _is_ours(folder) else GRACE)
        while alive(folder) is not None and time.monotonic() < until and not work.stopped():
            time.sleep(0.05)
        if alive(folder) is not None:
            work.note(f"process {pid} of attempt {folder.name} did not end by itself: it is killed")
            _kill(pid)
            until = time.monotonic() + GRACE
            while alive(folder) is not None and time.monotonic() < until:
                time.sleep(0.05)
        forget_process(folder)


def alive(folder: Path) -> int | None:
    """The process that was written down here, if it is that very process and still runs."""
    told = _read(folder)
    pid, start = told.get("pid"), told.get("started")
    return pid if isinstance(pid, int) and start is not None and started(pid) == start else None


def _is_ours(folder: Path) -> bool:
    told = _read(folder)
    return told.get("owner") == os.getpid() and told.get("owner_started") == started(os.getpid())


def _read(folder: Path) -> dict[str, Any]:
    try:
        told = json.loads((folder / _NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}


def started(pid: int) -> str | None:
    """When a process began, so that a number which was given away again is not mistaken for it. None: it is gone."""
    if sys.platform == "linux":
        try:
            fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
            boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        except OSError:
            return None
        return None if fields[0] in "ZX" else f"{boot}-{fields[19]}"
    try:
        import psutil  # type: ignore[import-untyped, unused-ignore]

        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except Exception:
        return None


def signal_group(pid: int, number: int) -> None:
    """Signal a process that leads a group, and all that it started."""
    try:
        if hasattr(os, "killpg"):
            os.killpg(pid, number)
            return
    except ProcessLookupError:
        pass  # it leads no group
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def group_is_alive(pid: int) -> bool:
    """Whether anything still runs in the group that a process led."""
    if sys.platform == "linux":
        # Who died and is not yet taken note of by its parent counts as gone: in a container nobody may ever do that.
        for entry in Path("/proc").iterdir():
            if entry.name.isdecimal():
                try:
                    fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
                except OSError:
                    continue
                if fields[2] == str(pid) and fields[0] not in "ZX":
                    return True
        return False
    try:
        os.killpg(pid, 0)
    except (OSError, AttributeError):
        return False
    return True


def signal_steps(pid: int) -> list[tuple[str, Callable[[], None]]]:
    """The rungs of the ladder for a process."""
    kill = getattr(signal, "SIGKILL", signal.SIGTERM)
    rungs = (("interrupt", signal.SIGINT), ("terminate", signal.SIGTERM), ("kill", kill))
    return [(name, partial(signal_group, pid, number)) for name, number in rungs]


def _kill(pid: int) -> None:
    signal_group(pid, getattr(signal, "SIGKILL", signal.SIGTERM))


def ending(code: int | None) -> str:
    """How a process ended, for people: ``signal 9, likely memory``."""
    if code is None:
        return "its end was not seen"
    if code >= 0:
        return f"exit code {code}"
    told = {9: ", likely memory", 11: ", a crash in native code", 6: ", a crash in native code", 7: ", a crash in native code"}
    return f"signal {-code}{told.get(-code, '')}"
