"""The main program of a clean process that makes kernels by forking itself.

It has loaded what a kernel loads before its first cell, and nothing else: no threads, no connections, no code of the user's, so
that a fork of it is a kernel that has just started, in a twentieth of the time. Requests come in on standard input, one JSON object
a line, and tidings go out on standard output: ``loaded``, then of each kernel ``born``, ``ready`` and ``ended`` with its exit code.
The end of standard input is the end of the process that asked: then this one ends, and the system ends its kernels with it.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import os
import select
import shutil
import signal
import sys
from typing import Any

_LOADED = (
    "ipykernel.kernelapp", "ipykernel.ipkernel", "ipykernel.zmqshell", "ipykernel.debugger", "ipykernel.comm", "ipykernel.iostream",
    "IPython.core.completerlib", "IPython.core.debugger", "IPython.core.oinspect", "IPython.core.async_helpers",
    "IPython.core.page", "IPython.core.magics", "IPython.extensions.storemagic", "IPython.utils.wildcard",
    "tornado.platform.asyncio", "tornado.queues", "comm", "faulthandler", "mimetypes", "sqlite3", "pdb", "psutil", "gzip",
    "IPython.core.logger", "ipykernel_launcher", "yamlflow_nb.executors.going_on", "yamlflow_nb.executors.forked_kernel",
)  # fmt: skip
"""What a kernel of IPython has loaded when its first cell begins; what is not installed is left out."""
_DEATH_SIGNAL = 1
"""``PR_SET_PDEATHSIG`` of Linux: the signal that a process gets when its parent ends."""
_PARENT_SECONDS = 1.0


def main(folder: str) -> None:
    """Serve until the asker is gone. ``folder`` is for sockets, and goes with this process."""
    asker, server, before = os.getppid(), os.getpid(), sorted(os.environ)
    for name in _LOADED:
        try:
            importlib.import_module(name)
        except ImportError:
            continue
    gc.collect()
    gc.freeze()  # what is shared with the forks is not to be copied by their collectors
    job = _serve(asker)
    if os.getpid() == server:
        shutil.rmtree(folder, ignore_errors=True)
    elif job is not None:
        from yamlflow_nb.executors.forked_kernel import run_kernel

        run_kernel({**job, "before": before})


def _serve(asker: int) -> dict[str, Any] | None:
    """Fork for each request. Returns in each fork, with what it is to be; in the server when the asker is gone."""
    awake, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    _tell(1, event="loaded")
    server, left = os.getpid(), b""
    while True:
        ready = select.select([0, awake], [], [], _PARENT_SECONDS)[0]
        if os.getppid() != asker:
            return None
        if awake in ready:
            os.read(awake, 4096)
            _reap()
        if 0 not in ready:
            continue
        piece = os.read(0, 65536)
        if not piece:
            return None
        *lines, left = (left + piece).split(b"\n")
        for line in lines:
            job: dict[str, Any] = json.loads(line)
            if os.fork() == 0:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                os.close(awake)
                os.close(wake)
                job["tidings"] = _of_its_own(server, job)
                return job


def _of_its_own(server: int, job: dict[str, Any]) -> int:
    """Make the fork a process of its own, which ends with the server. Gives where its tidings go."""
    os.setsid()
    # Asked for by a process that was killed, a kernel is killed with it, whatever it is doing.
    ctypes.CDLL(None).prctl(_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != server:
        os._exit(1)
    tidings = os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    os.close(nothing)
    # Not before: who is told of a process may signal its group.
    _tell(tidings, event="born", name=job["name"], pid=os.getpid())
    return tidings


def _reap() -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        _tell(1, event="ended", pid=pid, code=os.waitstatus_to_exitcode(status))


def _tell(where: int, **tidings: Any) -> None:
    """One line, written at once: shorter than what a pipe takes whole."""
    try:
        os.write(where, json.dumps(tidings).encode() + b"\n")
    except OSError:
        sys.exit()
