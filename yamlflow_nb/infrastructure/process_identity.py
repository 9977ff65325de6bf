"""Which process this is, in a way that another can check: ``host/pid/start/uuid``."""

from __future__ import annotations

import os
import socket
import sys
import time
import uuid
from functools import lru_cache
from pathlib import Path


class ProcessIdentity:
    """``Presence``: the owner id of one loop of this process, and whether another's process is still there."""

    def __init__(self) -> None:
        self.owner = f"{this_host()}/{os.getpid()}/{_start(os.getpid()) or '-'}/{uuid.uuid4().hex[:12]}"

    def is_gone(self, owner: str) -> bool:
        """Whether the process of an owner on this machine has ended, also when its number was given to another since.
        What runs on another machine, or in a container of its own, cannot be judged: False."""
        host, _, rest = owner.partition("/")
        pid, _, rest = rest.partition("/")
        start = rest.partition("/")[0]
        if host != this_host() or not pid.isdigit() or start == "-":
            return False
        boot, space, _ = (*start.split("-"), "", "", "")[:3]
        mine = (_start(os.getpid()) or "--").split("-")
        if boot != mine[0]:
            return True
        return space == mine[1] and _start(int(pid)) != start


def told(owner: str | None) -> str:
    """An owner for people: ``process 4711 on laptop``; of a copy of a store only the machine is known."""
    host, pid, *_ = (*(owner or "").split("/"), "")
    return "another process" if not pid else f"a process on {host}" if pid == "0" else f"process {pid} on {host}"


def host_of(owner: str) -> str:
    """The machine of an owner."""
    return owner.partition("/")[0]


def elapsed() -> float:
    """Seconds on a clock that goes on while the machine sleeps, and is never set."""
    return time.clock_gettime(_CLOCK) if _CLOCK is not None else time.monotonic()


_CLOCK = getattr(time, "CLOCK_BOOTTIME", None)


def this_host() -> str:
    """The name of this machine, as owners begin with it; ``YAMLFLOW_HOST`` where machines share a name."""
    return (os.environ.get("YAMLFLOW_HOST") or socket.gethostname()).replace("/", "_")


def _start(pid: int) -> str | None:
    """When a process began, as ``boot-namespace-ticks``: equal for no two processes. None: there is no such process, or
    this system does not say."""
    if sys.platform == "linux":
        try:
            fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else f"{_boot()}-{fields[19]}"
    try:
        import psutil  # type: ignore[import-untyped]
    except ImportError:
        return None
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{int(psutil.boot_time())}-0-{process.create_time():.2f}"
    except psutil.Error:
        return None


@lru_cache(maxsize=1)
def _boot() -> str:
    """This start of the machine, and the namespace in which its process numbers count."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")[:12]
        space = os.readlink("/proc/self/ns/pid").strip("pid:[]")
    except OSError:
        return "0-0"
    return f"{boot}-{space}"
