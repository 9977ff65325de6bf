"""A python task in an interpreter of its own: values cross as typed JSON and Parquet, never pickled, and it can be killed."""

from __future__ import annotations

import codecs
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from yamlflow_nb.domain.typed_json import dumps
from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.executors.channel import Channel
from yamlflow_nb.executors.handed_over import unpacked
from yamlflow_nb.executors.ladder import climb
from yamlflow_nb.executors.printed import Lines
from yamlflow_nb.executors.process_record import end_earlier, ending, forget_process, record_process, signal_steps

# The folder that `-c` puts first is taken out: a json.py of the user's must not stand in for Python's own while we begin.
_MAIN = "import sys; sys.path.pop(0); from yamlflow_nb.executors.child import main; main(sys.argv[1])"
JOB = ".job.json"
RESULT = ".result.json"


def in_own_process(work: Work, artifacts: Path, variables: Mapping[str, str]) -> Mapping[str, Any]:
    """Run the task's program there and give its outputs. Raises ``TaskFailed``."""
    if work.fields.get("function") is not None and ":" not in str(work.fields["function"]):
        raise TaskFailed(
            "NotSupported", f"`{work.fields['function']}` lives in this kernel: put it into a module to run it in a process"
        )
    end_earlier(work)
    _write_job(work)
    with Channel(work) as channel:
        environment = {**os.environ, "YAMLFLOW_ARTIFACTS": str(artifacts), **channel.environment, **variables}
        process = subprocess.Popen(
            [sys.executable, "-u", "-c", _MAIN, str(work.run_folder)], cwd=work.folder, env=environment, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        record_process(work.run_folder, process.pid)
        take_back = work.on_stop(lambda: _stop(process, work))
        try:
            code = _listened(process, work)
        finally:
            take_back()
            forget_process(work.run_folder)
    return _result(work, code)


def _write_job(work: Work) -> None:
    job = {
        "type": work.type,
        "attempt": list(work.attempt),
        "inputs": dumps(work.inputs),
        "fields": {name: work.fields.get(name) for name in ("function", "code", "file", "sql", "session", "remote")},
        "declared": {name: declared.model_dump() for name, declared in work.declared.items()},
        "folder": str(work.folder),
    }
    (work.run_folder / JOB).write_text(json.dumps(job), encoding="utf-8")
    (work.run_folder / RESULT).unlink(missing_ok=True)


def _listened(process: subprocess.Popen[bytes], work: Work) -> int:
    """Its exit code, when it has ended; what it says goes to the log."""
    assert process.stdout is not None and process.stdin is not None
    lines = Lines(work.log)
    reader = threading.Thread(target=_read, args=(process.stdout, lines), daemon=True)
    reader.start()
    code = process.wait()
    # Whatever it left running may hold its output open for ever.
    reader.join(1.0)
    lines.end()
    process.stdin.close()
    return code


def _read(stream: IO[bytes], lines: Lines) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    with stream:
        while piece := os.read(stream.fileno(), 1 << 16):
            lines.write(decoder.decode(piece))


def _stop(process: subprocess.Popen[bytes], work: Work) -> None:
    def gone(seconds: float) -> bool:
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    climb(signal_steps(process.pid), gone, work.log)


def _result(work: Work, code: int) -> Mapping[str, Any]:
    (work.run_folder / JOB).unlink(missing_ok=True)
    path = work.run_folder / RESULT
    if work.stopped():
        raise TaskFailed("Stopped", "the task was stopped")
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise TaskFailed("ProcessDied", f"the task's process died ({ending(code)})", exit_code=code) from None
    path.unlink(missing_ok=True)
    if "failed" in told:
        kind, message, exit_code = told["failed"]
        raise TaskFailed(kind, message, exit_code)
    return unpacked(told["outputs"])
