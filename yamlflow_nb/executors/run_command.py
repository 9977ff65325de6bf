"""A command in a process group of its own: followed while it runs, stopped as a whole, its last words kept."""

from __future__ import annotations

import codecs
import errno
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from yamlflow_nb.domain.typed_json import dumps
from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.executors.ladder import climb
from yamlflow_nb.executors.printed import Lines
from yamlflow_nb.executors.process_record import forget_process, group_is_alive, record_process, signal_steps

TAIL_BYTES = 64 * 1024
"""Of standard output and of standard error so much is kept as an output; the log has all."""

_GATE = ("/bin/sh", "-c", 'read -r _ && exec "$@" </dev/null', "sh")
"""A command begins when it is told to, after it was written down: killed in between, we leave nothing that nobody knows of."""
_AFTERWARDS = 1.0
"""Seconds that the rest of a group is given to end after the command itself."""


class Ended(NamedTuple):
    """How a command ended: exit code (of a signal the negative number), and the ends of what it wrote."""

    code: int
    stdout: str
    stderr: str


def run_command(argv: Sequence[str], folder: Path, environment: Mapping[str, str], work: Work) -> Ended:
    """Run it to its end. What it leaves running in its group is ended too. Raises ``TaskFailed`` where it cannot be started."""
    process = _started(argv, folder, environment)
    record_process(work.run_folder, process.pid)
    _let_begin(process)
    take_back = work.on_stop(lambda: _stop(process, work))
    try:
        return _followed(process, work)
    finally:
        take_back()
        forget_process(work.run_folder)


def _started(argv: Sequence[str], folder: Path, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    _find(argv[0], folder, environment)
    gated = os.name == "posix"
    try:
        return subprocess.Popen(
            [*_GATE, *argv] if gated else list(argv), cwd=folder, env=dict(environment),
            stdin=subprocess.PIPE if gated else subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip
    except ValueError as error:
        raise TaskFailed("CommandError", f"the command cannot be started: {error}") from None
    except OSError as error:
        hint = ": inputs this large go in as files" if error.errno == errno.E2BIG else ""
        raise TaskFailed("CommandError", f"`{argv[0]}` cannot be started: {error.strerror}{hint}") from None


def _find(program: str, folder: Path, environment: Mapping[str, str]) -> None:
    """Raises ``TaskFailed`` where there is no such program."""
    path = str(folder / program) if os.path.dirname(program) else program
    if shutil.which(path, path=environment.get("PATH")) is not None:
        return
    if os.path.dirname(program) and os.path.isfile(path):
        raise TaskFailed("CommandNotFound", f"`{program}` may not be run: it is no program, or not yours", exit_code=126)
    raise TaskFailed("CommandNotFound", f"there is no program `{program}`", exit_code=127)


def _let_begin(process: subprocess.Popen[bytes]) -> None:
    """The command is written down: it may begin."""
    if process.stdin is not None:
        try:
            process.stdin.write(b"\n")
            process.stdin.close()
        except OSError:
            pass  # it was stopped before it began


def _followed(process: subprocess.Popen[bytes], work: Work) -> Ended:
    assert process.stdout is not None and process.stderr is not None
    tails = (Tail(), Tail())
    streams = zip((process.stdout, process.stderr), tails)
    readers = [threading.Thread(target=_read, args=(stream, tail, work), daemon=True) for stream, tail in streams]
    for reader in readers:
        reader.start()
    code = process.wait()
    if group_is_alive(process.pid) and not work.stopped():
        _end_the_rest(process.pid, work)
    for reader in readers:
        # What left the group may hold the output open for ever.
        reader.join(1.0)
    return Ended(code, *(tail.text(work) for tail in tails))


def _read(stream: IO[bytes], tail: Tail, work: Work) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    lines = Lines(work.log)
    with stream:
        while piece := os.read(stream.fileno(), 1 << 16):
            text = decoder.decode(piece)
            tail.add(text)
            lines.write(text)
    lines.end()


def _stop(process: subprocess.Popen[bytes], work: Work) -> None:
    def gone(seconds: float) -> bool:
        # What the command started in the background hears no interrupt by itself: once the command has ended it is next.
        until = time.monotonic() + seconds
        while process.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        return _gone(process.pid, min(seconds, _AFTERWARDS))

    climb(signal_steps(process.pid), gone, work.log)


def _end_the_rest(group: int, work: Work) -> None:
    """The command has ended, but not all that it started: nothing may go on behind the back of the next attempt."""
    work.note(f"`{work.attempt.node}` left processes running: they are ended")
    climb(signal_steps(group)[1:], lambda seconds: _gone(group, seconds), work.log)


def _gone(group: int, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while group_is_alive(group):
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


class Tail:
    """The end of a stream. Twice as much as is kept is gathered, so that a secret is masked whole before the rest is cut off."""

    def __init__(self) -> None:
        self._pieces = ""
        self._cut = False
        self._lock = threading.Lock()

    def add(self, text: str) -> None:
        with self._lock:
            self._pieces += text
            if len(self._pieces) > 4 * TAIL_BYTES:
                self._pieces, self._cut = self._pieces[-2 * TAIL_BYTES :], True

    def text(self, work: Work) -> str:
        """The end as it is kept: masked, from a line's beginning where some is left out, at most ``TAIL_BYTES`` as JSON."""
        with self._lock:
            pieces, cut = self._pieces, self._cut
        if cut:
            # A secret that was cut in two is not recognised: the line that is not whole goes.
            _, found, rest = pieces.partition("\n")
            pieces = rest if found else pieces[TAIL_BYTES // 2 :]
        text = work.masked(pieces)
        if _size(text) <= TAIL_BYTES:
            return text
        low, high = 0, len(text)
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if _size(text[middle:]) <= TAIL_BYTES else (middle + 1, high)
        line = text.find("\n", low) + 1
        return text[line:] if 0 < line < len(text) else text[low:]


def _size(text: str) -> int:
    return len(dumps(text))
