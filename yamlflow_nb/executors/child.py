"""The main program of a python task's own process: job from the attempt's folder, words over the channel, result as a file."""

from __future__ import annotations

import json
import os
import sys
import threading
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from yamlflow_nb.domain.current_work import current_work
from yamlflow_nb.domain.event import AttemptKey
from yamlflow_nb.domain.task_definition import OutputDeclaration
from yamlflow_nb.domain.typed_json import loads
from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.executors.declared import is_reference
from yamlflow_nb.executors.far_work import far_work
from yamlflow_nb.executors.handed_over import packed
from yamlflow_nb.executors.own_process import JOB, RESULT
from yamlflow_nb.executors.printed import printed_to
from yamlflow_nb.executors.program import run_program


def main(folder: str) -> None:
    """Do the job that lies in a folder."""
    _end_with_parent()
    job = json.loads((Path(folder) / JOB).read_text(encoding="utf-8"))
    work = _work(job, Path(folder))
    current_work.set(work)
    with open(1, "wb", closefd=False) as log, printed_to(partial(_write_line, log)):
        told = _told(work, loads(job["inputs"]))
    scratch = Path(folder) / f"{RESULT}.part"
    scratch.write_text(json.dumps(told), encoding="utf-8")
    os.replace(scratch, Path(folder) / RESULT)


def _write_line(log: IO[bytes], line: str) -> None:
    log.write(line.encode("utf-8", "backslashreplace") + b"\n")
    log.flush()


def _told(work: Work, inputs: dict[str, Any]) -> dict[str, Any]:
    try:
        read = import_module("yamlflow_nb").read
        if work.type == "pyspark":
            from yamlflow_nb.executors.spark.run import run_on_spark

            work.inputs = inputs
            return {"outputs": packed(run_on_spark(work, lambda one: Path(one["path"]), read), work.run_folder)}
        opened = {name: read(value) if is_reference(value) else value for name, value in inputs.items()}
        return {"outputs": packed(run_program(work, opened), work.run_folder)}
    except TaskFailed as failure:
        return {"failed": [failure.kind, failure.message, failure.exit_code]}
    except KeyboardInterrupt:
        return {"failed": ["KeyboardInterrupt", "interrupted", None]}
    except Exception as error:
        return {"failed": [type(error).__name__, str(error), None]}


def _work(job: dict[str, Any], folder: Path) -> Work:
    work = far_work()
    if work is None:
        sys.exit("the process that runs the pipeline does not listen")
    work.attempt = AttemptKey(*job["attempt"])
    work.type, work.fields = job["type"], job["fields"]
    work.declared = {name: OutputDeclaration(**told) for name, told in job["declared"].items()}
    work.folder, work.run_folder = Path(job["folder"]), folder
    return work


def _end_with_parent() -> None:
    """Standard input is held open by the process that runs the pipeline: its end is that one's end. The task's code gets an
    empty one."""
    held = os.dup(0)
    empty = os.open(os.devnull, os.O_RDONLY)
    os.dup2(empty, 0)
    os.close(empty)

    def watch() -> None:
        while os.read(held, 1024):
            pass
        os._exit(143)

    threading.Thread(target=watch, name="yamlflow-parent", daemon=True).start()
