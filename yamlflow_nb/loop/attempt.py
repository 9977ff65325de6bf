"""One attempt in its thread: the executor is called, and what came of it becomes a fact."""

from __future__ import annotations

import errno
import logging
import threading
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from yamlflow_nb.domain.current_work import current_work
from yamlflow_nb.domain.decision import StartTask
from yamlflow_nb.domain.event import AttemptKey, Fact, TaskEmitted, TaskError, TaskFinished, TaskOutputSet
from yamlflow_nb.domain.execution_plan import PlannedNode
from yamlflow_nb.domain.ports.artifact_store import ArtifactStore
from yamlflow_nb.domain.ports.clock import Clock
from yamlflow_nb.domain.ports.task_executor import TaskExecutor
from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.infrastructure.crash_points import crash_point
from yamlflow_nb.loop.keep import keep_outputs
from yamlflow_nb.loop.run import Progress, Run

_log = logging.getLogger("yamlflow_nb")
_TRY_AGAIN = 1.0
"""Seconds between two tries to keep outputs on a full disk."""


class _Begun(Work):
    """An attempt's folder is made when somebody first asks for it: most attempts leave nothing behind, and to make a folder
    takes longer than to decide and commit a result."""

    @property
    def run_folder(self) -> Path:
        self._run_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._run_folder

    @run_folder.setter
    def run_folder(self, folder: Path) -> None:
        self._run_folder = folder


class AttemptJob:
    """What a worker thread does with a ``StartTask``. It writes no state: it tells facts, the last being the result."""

    def __init__(
        self,
        run: Run,
        start: StartTask,
        executor: TaskExecutor,
        artifacts: ArtifactStore,
        clock: Clock,
        runs_folder: Path,
        tell: Callable[[str, Fact], None],
        may_start: Callable[[Run], bool] = lambda run: True,
    ) -> None:
        self._run = run
        self._start = start
        self._planned: PlannedNode = run.state.nodes[start.attempt.node].planned
        self._executor = executor
        self._artifacts = artifacts
        self._clock = clock
        self._runs_folder = runs_folder
        self._tell = tell
        self._may_start = may_start
        self._emitted = 0
        self._logs = False
        self._log_lock = threading.Lock()
        self._early: dict[str, Any] = {}
        self.stopped = False

    @cached_property
    def _folder(self) -> Path:
        return attempt_folder(self._runs_folder, self._run.id, self._start.attempt)

    def __call__(self) -> None:
        if not self.stopped and self._may_start(self._run) and not self.stopped:
            crash_point("task-started")
            fact = self._result()
            self._tell(self._run.id, fact)
            crash_point("result-told")

    def _result(self) -> TaskFinished:
        """The result, whatever happens: a thread that dies without one would leave the node running for ever."""
        key = self._start.attempt
        try:
            outputs = self._executed()
            crash_point("task-returned")
            kept = self._kept(outputs)
            crash_point("outputs-kept")
            missing = self._missing(kept)
            if missing is not None:
                raise TaskFailed("OutputError", missing, outputs=kept)
        except TaskFailed as failure:
            error = TaskError(failure.kind, failure.message)
            return TaskFinished(self._clock.now(), key, "failed", self._kept_of_failed(failure), error, failure.exit_code)
        except BaseException as error:  # also SystemExit and KeyboardInterrupt of the task's own code
            text = TaskError(type(error).__name__, str(error) or type(error).__name__)
            return TaskFinished(self._clock.now(), key, "failed", {}, text)
        return TaskFinished(self._clock.now(), key, "completed", kept)

    def _executed(self) -> Mapping[str, Any]:
        token = current_work.set(work := self._work())
        try:
            outputs = self._executor.execute(work)
        finally:
            current_work.reset(token)
        if outputs is not None and not isinstance(outputs, Mapping):
            raise TaskFailed(
                "OutputError", f"the executor of `{self._start.type}` returned {type(outputs).__name__}, not a mapping"
            )
        return outputs or {}

    def _kept(self, outputs: Mapping[str, Any]) -> dict[str, Any]:
        """The outputs as they can be stored. On a full disk the work is not thrown away: it is tried until there is room."""
        told = False
        while True:
            try:
                return keep_outputs(outputs, self._planned.outputs, self._artifacts, self._folder)
            except (TaskFailed, OSError) as error:
                if self.stopped or not _no_room(error):
                    raise
            if not told:
                _log.warning("no room for the outputs of `%s`: they are kept in memory until there is", self._planned.id)
                told = True
            time.sleep(_TRY_AGAIN)

    def _missing(self, outputs: Mapping[str, Any]) -> str | None:
        """Declared outputs are set, unless optional. What the task set early counts."""
        for name, declared in self._planned.outputs.items():
            if name not in outputs and not declared.optional and name not in self._early:
                return f"output `{name}` ({declared.type}) was declared, but not set"
        return None

    def _kept_of_failed(self, failure: TaskFailed) -> dict[str, Any]:
        """What a failed attempt had set is for ``retryWhen`` to look at; what cannot be kept of it is let go."""
        try:
            return keep_outputs(failure.outputs, {}, self._artifacts, self._folder)
        except TaskFailed:
            return {}

    # --- while it runs ---------------------------------------------------------------------------------------------

    def _work(self) -> Work:
        return _Begun(
            execution_id=self._run.id,
            attempt=self._start.attempt,
            type=self._start.type,
            inputs=self._start.inputs,
            fields=self._start.fields,
            declared=self._planned.outputs,
            folder=Path(self._run.record.folder),
            run_folder=self._folder,
            namespace=self._run.namespace,
            emit=self._emit,
            output=self._output,
            progress=self._progress,
            log=self._log,
        )

    def _emit(self, name: str, payload: Mapping[str, Any]) -> None:
        if name not in self._planned.emits:
            known = ", ".join(sorted(self._planned.emits)) or "none"
            raise TaskFailed("EmitError", f"`{self._planned.id}` may not emit {name!r}: its `emits` names {known}")
        self._emitted += 1
        if self._run.limit.is_reached(self._emitted + len(self._run.state.log.rows)):
            raise TaskFailed("TooManyEvents", self._run.limit.told())
        kept = keep_outputs(payload, {}, self._artifacts, self._folder)
        self._tell(self._run.id, TaskEmitted(self._clock.now(), self._start.attempt, name, kept))

    def _output(self, values: Mapping[str, Any]) -> None:
        kept = keep_outputs(values, self._planned.outputs, self._artifacts, self._folder)
        self._early.update(kept)
        self._tell(self._run.id, TaskOutputSet(self._clock.now(), self._start.attempt, kept))

    def _progress(self, done: float, total: float | None, text: str) -> None:
        self._run.progress[self._planned.id] = Progress(done, total, text)
        self._run.tell()

    def _log(self, text: str) -> None:
        """One record is one line: what a task logs cannot pass for another record."""
        line = text.replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n")
        if not self._logs:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._logs = True
        with self._log_lock, (self._folder / "log.txt").open("a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{self._clock.now():.3f} {line}\n")


def _no_room(error: BaseException | None) -> bool:
    """Whether a full disk is behind an error."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
            return True
        error = error.__cause__
    return False


def attempt_folder(runs_folder: Path, execution_id: str, key: AttemptKey) -> Path:
    """Where an attempt leaves what it writes: ``<execution>/<node>/r1-a1``, with iteration and item where there are any."""
    parts = [f"r{key.round}"]
    if key.iteration:
        parts.append(f"i{key.iteration}")
    if key.item is not None:
        parts.append(f"x{key.item}")
    return runs_folder / execution_id / key.node / "-".join([*parts, f"a{key.number}"])
