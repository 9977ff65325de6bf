"""Kernels that have started before anyone asks for one: each is taken once, and never goes back.

They are forks of a fork server, a clean process of its own (see ``fork_server``). Nothing of them outlives this process: the server
sees the end of its standard input, the system ends its forks with it. A fork of this process begins without any.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import site
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_MAIN = "import sys; sys.path.pop(0); from yamlflow_nb.executors.fork_server import main; main(sys.argv[1])"
_IDLE_SECONDS = 300.0
"""Kernels that nobody takes for so long are let go."""
_START_SECONDS = 30.0
ARGUMENTS = ("--HistoryManager.hist_file=:memory:",)
"""What nbclient gives to a kernel of IPython."""
_READ_AT_START = (
    "PYTHON", "IPYTHON", "JUPYTER", "LD_", "DYLD_", "LC_", "LANG", "MALLOC_", "GLIBC_", "HOME", "XDG_", "VIRTUAL_ENV", "CONDA_",
    "NO_COLOR",
)  # fmt: skip
"""Beginnings of the names of variables that an interpreter or a kernel reads while it starts, and never again."""
_MOST_FAILURES = 3


class WarmKernel:
    """A kernel's process, as ``subprocess.Popen`` shows one, and where it listens."""

    stdin = stdout = stderr = None

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.connection = folder / f"{name}.json"
        self.taking = folder / f"{name}.taking"
        self.taken = False
        self.pid = 0
        self.returncode: int | None = None
        self._line = socket.socket(socket.AF_UNIX)
        self.ready = threading.Event()
        """It can be taken, or never will be."""
        self.ended = threading.Event()

    def end(self, code: int) -> None:
        """It has ended, in this way."""
        self.let_go()
        self.returncode = code
        self.ended.set()
        self.ready.set()

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int | None:
        if not self.ended.wait(timeout):
            raise subprocess.TimeoutExpired("kernel", timeout or 0.0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is None and self.pid:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def take(self, environment: Mapping[str, str], folder: Path, log: Path, watched: Sequence[Any] | None = None) -> bool:
        """Make it the kernel of somebody, who keeps in ``log`` what it writes beside its cells; False when it is not there.
        ``watched``: with what to begin to keep its state (``going_on.begin``)."""
        told = {"environment": dict(environment), "folder": str(folder), "log": str(log), "watched": watched}
        try:
            self._line.settimeout(_START_SECONDS)
            self._line.connect(str(self.taking))
            self._line.sendall(json.dumps(told).encode() + b"\n")
            self.taken = self._line.recv(16).startswith(b"taken")
        except OSError:
            self._line.close()
        return self.taken

    def finish(self, seconds: float) -> bool:
        """Have it end as an interpreter ends; whether it did so in time."""
        self.let_go()
        return self.ended.wait(seconds)

    def let_go(self) -> None:
        """Close the line to it, in whichever fork of this process it is still open, too."""
        try:
            self._line.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it was never taken, or is gone
        self._line.close()


class ForkServer:
    """The clean process, and the kernels that it has made."""

    def __init__(self) -> None:
        self.began_as = beginning(os.environ)
        self.folder = Path(tempfile.mkdtemp(prefix="yf-"))
        environment = {name: value for name, value in os.environ.items() if name != "JPY_PARENT_PID"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", _MAIN, str(self.folder)], cwd=self.folder, env=environment, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._kernels: dict[str, WarmKernel] = {}
        self._lock = threading.Lock()
        self._number = 0
        self._retired = False
        self.gone = threading.Event()
        _servers.add(self)
        threading.Thread(target=self._listen, name="yamlflow-kernels", daemon=True).start()

    def fork(self) -> WarmKernel:
        """Ask for one more kernel; it is there when it is ``ready``."""
        with self._lock:
            self._number += 1
            kernel = self._kernels[str(self._number)] = WarmKernel(str(self._number), self.folder)
            job = {"name": kernel.name, "connection": str(kernel.connection), "taking": str(kernel.taking), "arguments": ARGUMENTS}
            try:
                assert self._process.stdin is not None
                self._process.stdin.write(json.dumps(job).encode() + b"\n")
                self._process.stdin.flush()
            except OSError:
                kernel.end(-signal.SIGKILL)
        if self.gone.is_set():
            kernel.end(-signal.SIGKILL)
        return kernel

    def retire(self) -> None:
        """Make no more kernels, and end those that nobody took; this one ends with the last of the others."""
        with self._lock:
            self._retired = True
            for kernel in self._kernels.values():
                if not kernel.taken:
                    kernel.kill()
            self._end_when_idle()

    def let_go(self) -> None:
        """In a fork of this process: hold nothing open that says that this process still lives."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None and not stream.closed:
                os.close(stream.fileno())

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._told(json.loads(line))
        self.gone.set()
        for kernel in list(self._kernels.values()):
            kernel.end(-signal.SIGKILL)
        with self._lock:
            self._close()
        self._process.stdout.close()
        self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _told(self, tidings: dict[str, Any]) -> None:
        with self._lock:
            if tidings["event"] == "born":
                kernel = self._kernels[tidings["name"]]
                kernel.pid = tidings["pid"]
                if self._retired:
                    kernel.kill()
            elif tidings["event"] == "ready":
                self._kernels[tidings["name"]].ready.set()
            elif tidings["event"] == "ended":
                for name, kernel in list(self._kernels.items()):
                    if kernel.pid == tidings["pid"]:
                        del self._kernels[name]
                        kernel.connection.unlink(missing_ok=True)
                        kernel.end(tidings["code"])
                self._end_when_idle()

    def _end_when_idle(self) -> None:
        if self._retired and not self._kernels:
            self._close()

    def _close(self) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.close()
        except OSError:
            pass  # it did not live to read the rest


_servers: weakref.WeakSet[ForkServer] = weakref.WeakSet()


class WarmKernels:
    """``size`` kernels that wait to be taken, and the server that makes more."""

    def __init__(self) -> None:
        self.size = _wanted_size()
        self._lock = threading.Lock()
        self._server: ForkServer | None = None
        self._installed: object = None
        self._spare: list[WarmKernel] = []
        self._idle: threading.Timer | None = None
        self._failures = 0

    def expect(self) -> None:
        """A kernel will be asked for: have some ready by then. Returns at once."""
        if self._can(os.environ):
            with self._lock:
                self._serve()

    def take(
        self, environment: Mapping[str, str], folder: Path, log: Path, watched: Sequence[Any] | None = None
    ) -> WarmKernel | None:
        """A kernel in this folder and with these variables. None where only one that starts from nothing has them."""
        until = time.monotonic() + _START_SECONDS
        while self._can(environment) and time.monotonic() < until:
            with self._lock:
                self._serve()
                kernel = self._spare.pop(0)
                self._serve()
            if kernel.ready.wait(until - time.monotonic()) and kernel.take(environment, folder, log, watched):
                self._failures = 0
                return kernel
            kernel.kill()
            self._failures += 1
        return None

    def retire(self) -> None:
        """End those that nobody took; the next that is asked for makes others."""
        with self._lock:
            if self._server is not None:
                self._server.retire()
            self._server = None
            self._spare.clear()

    def _can(self, environment: Mapping[str, str]) -> bool:
        return (
            _possible() and self.size > 0 and self._failures < _MOST_FAILURES
            and beginning(environment) == beginning(os.environ) and not _has_own_start(environment)
        )  # fmt: skip

    def _serve(self) -> None:
        """Have a server that began as one would begin now, and the spare kernels asked for."""
        installed, server = _installed(), self._server
        now = (beginning(os.environ), installed)
        if server is not None and (server.gone.is_set() or (server.began_as, self._installed) != now):
            server.retire()
            self._server = server = None
            self._spare.clear()
        if server is None:
            server = self._server = ForkServer()
            self._installed = installed
        self._spare = [kernel for kernel in self._spare if kernel.returncode is None]
        while len(self._spare) < self.size:
            self._spare.append(server.fork())
        if self._idle is not None:
            self._idle.cancel()
        self._idle = threading.Timer(_IDLE_SECONDS, self.retire)
        self._idle.daemon = True
        self._idle.start()


def beginning(environment: Mapping[str, str]) -> dict[str, str]:
    """The part of an environment that a process has read by the time it is a kernel."""
    return {name: value for name, value in environment.items() if name.startswith(_READ_AT_START)}


def _possible() -> bool:
    return sys.platform == "linux"


def _wanted_size() -> int:
    told = os.environ.get("YAMLFLOW_WARM_KERNELS", "")
    return int(told) if told.isdigit() else min(2, os.cpu_count() or 1)


def _installed() -> tuple[int, ...]:
    """Changes when a package is installed or removed: a process that began before does not see it as a new one would."""
    folders = [*site.getsitepackages(), site.getusersitepackages()]
    return tuple(os.stat(folder).st_mtime_ns for folder in folders if os.path.isdir(folder))


def _has_own_start(environment: Mapping[str, str]) -> bool:
    """Whether the user has code or settings that run while a kernel starts: they are to see its own folder and variables."""
    home = environment.get("IPYTHONDIR") or os.path.join(environment.get("HOME", ""), ".ipython")
    shared = (os.path.join(sys.prefix, "etc"), "/etc", "/usr/local/etc")
    profiles = [Path(home, "profile_default"), *(Path(folder, "ipython") for folder in shared)]
    settings = ("ipython_config.py", "ipython_config.json", "ipython_kernel_config.py", "ipython_kernel_config.json")
    return (
        "PYTHONSTARTUP" in environment
        or any((profile / name).exists() for profile in profiles for name in settings)
        or any(path.suffix in (".py", ".ipy") for profile in profiles for path in (profile / "startup").glob("*"))
    )


KERNELS = WarmKernels()
"""Those of this process."""


def _forked() -> None:
    global KERNELS
    for server in list(_servers):
        server.let_go()
    KERNELS = WarmKernels()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
