"""In a fork of the fork server: a kernel of IPython that waits to be taken, and then has the folder and variables of its taker."""

from __future__ import annotations

import atexit
import gc
import io
import json
import os
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import ipykernel_launcher  # type: ignore[import-untyped]
from ipykernel.kernelapp import IPKernelApp
from tornado.ioloop import IOLoop  # type: ignore[import-untyped, unused-ignore]

from yamlflow_nb.executors.going_on import begin


def run_kernel(job: dict[str, Any]) -> None:
    """Be the kernel that a job describes: ``connection`` and ``taking`` are paths, of its connection file and of the socket on
    which it is taken; ``arguments`` go to the kernel. It ends when its taker closes the line."""
    sys.argv = [str(ipykernel_launcher.__file__), "-f", job["connection"], *job["arguments"]]
    app: Any = IPKernelApp.instance()
    app.initialize(sys.argv[1:])
    taking = socket.socket(socket.AF_UNIX)
    taking.bind(job["taking"])
    taking.listen(1)
    loop = IOLoop.current()

    def taken(listening: socket.socket, _: int) -> None:
        loop.remove_handler(listening)
        os.unlink(job["taking"])
        caller, _ = listening.accept()
        listening.close()
        with caller.makefile("rw", encoding="utf-8") as stream:
            told = json.loads(stream.readline())
            become(told, app.shell, job["before"])
            if told["watched"] is not None:
                begin(*told["watched"])
            stream.write("taken\n")
        loop.add_handler(caller, lambda *_: loop.stop(), loop.READ)

    def ready() -> None:
        os.write(job["tidings"], json.dumps({"event": "ready", "name": job["name"]}).encode() + b"\n")
        os.close(job["tidings"])

    loop.add_handler(taking, taken, loop.READ)
    loop.add_callback(ready)
    # It would close sockets under threads that still use them, and now and then hang.
    atexit.unregister(app.close)
    app.start()
    _end(app.shell)


def _end(shell: Any) -> None:
    """End as an interpreter does, for all that a notebook can see of it, and leave the taking apart to the system: threads are
    waited for, what is to be done at exit is done, the notebook's own objects are let go, what they wrote is in their files."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    shell.user_ns.clear()
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file and not file.startswith((sys.prefix, sys.base_prefix)) and module.__name__.partition(".")[0] != "yamlflow_nb":
            vars(module).clear()
    gc.collect()
    kinds: dict[type, bool] = {}  # to ask a hundred thousand objects one by one takes longer than all the rest
    for one in gc.get_objects():
        kind = type(one)
        if kinds.setdefault(kind, kind not in kinds and issubclass(kind, io.IOBase)):
            try:
                one.flush()
            except (OSError, ValueError):
                continue
    os._exit(0)


def become(told: dict[str, Any], shell: Any, before: list[str]) -> None:
    """Take over what a process is given when it starts: variables, folder, and where it writes beside its cells.
    ``before`` names the variables that were there when the fork server began: others are what a kernel sets by itself."""
    added = {name: value for name, value in os.environ.items() if name not in before}
    os.environ.clear()
    os.environ.update({**added, **told["environment"]})
    # As the kernel's own start does it, which was in another environment.
    shell.init_environment()
    if not os.environ.get("MPLBACKEND"):
        os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
    tempfile.tempdir = None
    time.tzset()
    os.chdir(told["folder"])
    shell.starting_dir = os.getcwd()
    shell.user_ns["_dh"][:] = [Path.cwd()]
    log = os.open(told["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for stream, number in ((sys.stdout, 1), (sys.stderr, 2)):
        os.dup2(log, getattr(stream, "_original_stdstream_copy", None) or number)
    os.close(log)
