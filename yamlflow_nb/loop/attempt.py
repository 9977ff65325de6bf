"""One attempt in its thread: the executor is called, and what came of it becomes a fact."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from yamlflow_nb.domain.current_work import current_work
from yamlflow_nb.domain.decision import StartTask
from yamlflow_nb.domain.event import (
    AttemptKey,
    AttemptState,
    Fact,
    TaskEmitted,
    TaskError,
    TaskFinished,
    TaskNoted,
    TaskOutputSet,
    TaskWaiting,
)
from yamlflow_nb.domain.execution_plan import PlannedNode
from yamlflow_nb.domain.mask import Mask
from yamlflow_nb.domain.ports.artifact_store import ArtifactStore
from yamlflow_nb.domain.ports.cache import Cache, CachedResult
from yamlflow_nb.domain.ports.clock import Clock
from yamlflow_nb.domain.ports.task_executor import TaskExecutor
from yamlflow_nb.domain.work import Later, TaskFailed, Work
from yamlflow_nb.executors.declared import opened
from yamlflow_nb.infrastructure.crash_points import crash_point
from yamlflow_nb.loop.caching import Caching
from yamlflow_nb.loop.keep import keep_outputs
from yamlflow_nb.loop.log_file import LogFile
from yamlflow_nb.loop.packages import note_packages
from yamlflow_nb.loop.room import with_room
from yamlflow_nb.loop.run import Progress, Run
from yamlflow_nb.loop.stop_signal import StopSignal, in_own_thread
from yamlflow_nb.loop.used_files import UsedFiles
from yamlflow_nb.orchestration.attempts import missing_output

_NOT_YET = Path()
_NOTE_LENGTH = 2_000
_CALLING_OFF = threading.Lock()
"""One for all: it is held for two assignments, and ten thousand jobs need none of their own."""


class _Begun(Work):
    """An attempt's folder is named and made when somebody first asks for it: most attempts leave nothing behind, and to make a
    folder takes longer than to decide and commit a result."""

    own_folder: Callable[[], Path]

    @property
    def run_folder(self) -> Path:
        folder = self.own_folder()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    @run_folder.setter
    def run_folder(self, folder: Path) -> None:
        """``own_folder`` says where it is."""


@dataclass(frozen=True)
class Surroundings:
    """What every attempt of a loop meets. ``tell`` brings facts to the loop; ``may_start`` waits until the lease is sure; ``rests``
    is told when an attempt's result will come by itself, and when it has come. Without a ``cache`` everything is worked anew."""

    artifacts: ArtifactStore
    clock: Clock
    runs_folder: Path
    tell: Callable[[str, Fact], None]
    may_start: Callable[[Run], bool] = lambda run: True
    rests: Callable[[str, AttemptKey, bool], None] = lambda execution_id, key, yes: None
    cache: Cache | None = None


class AttemptJob:
    """What a worker thread does with a ``StartTask``. It writes no state: it tells facts, the last being the result.

    An executor whose result comes ``Later`` gives the thread back, and the surroundings are told that it rests. Ten thousand may
    wait for a worker: what only one at work needs is made when it begins, and nothing that it holds refers back to it, since what
    stands in a circle stays until the cycle collector comes.
    """

    _planned: PlannedNode
    _mask: Mask
    _log_file: LogFile
    _files: UsedFiles
    _early: dict[str, Any]
    _emitted: int
    _own_events: list[tuple[str, Mapping[str, Any]]]
    _caching: Caching | None = None
    _later: Later | None = None
    _called_off = False

    def __init__(self, run: Run, start: StartTask, executor: TaskExecutor, around: Surroundings) -> None:
        self._run = run
        self._start = start
        self._executor = executor
        self._around = around
        self._stop = StopSignal()
        self._begun = False

    def _begin(self) -> None:
        self._begun = True
        key = self._start.attempt
        self._planned = self._run.state.nodes[key.node].planned
        self._folder = partial(attempt_folder, self._around.runs_folder, self._run.id, key)
        self._mask = Mask()
        self._log_file = LogFile(self._folder, self._around.clock.now)
        self._files = UsedFiles(self._folder)
        self._early = {}
        self._own_events = []
        self._emitted = 0

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

    def stop(self) -> None:
        """The attempt no longer counts: it does not begin, or whoever works at it is told to stop."""
        with _CALLING_OFF:
            self._called_off = True
            later = self._later
        self._stop.set()
        if later is not None:
            in_own_thread(later.cancel)

    def abandon(self) -> None:
        """This process gives the attempt up. What lives by itself goes on."""
        self._stop.set()

    def __call__(self) -> None:
        if not self.stopped and self._around.may_start(self._run) and not self.stopped:
            crash_point("task-started")
            self._begin()
            self._conclude(self._executed)

    def look(self) -> bool:
        """One look of an executor that waits; whether there is nothing more to look for."""
        if self.stopped:
            return True
        if not self._begun:
            self._begin()
        looking: Any = self._executor
        try:
            seen = looking.look(self._work())
        except BaseException as error:
            failed = error

            def outputs() -> Mapping[str, Any]:
                raise failed
        else:
            if seen is None:
                return False

            def outputs() -> Mapping[str, Any]:
                return dict(seen)

        self._conclude(outputs)
        return True

    def _conclude(self, outcome: Callable[[], Mapping[str, Any] | Later | CachedResult]) -> None:
        fact = self._result(outcome)
        if fact is not None:
            self._around.tell(self._run.id, fact)
            crash_point("result-told")
            note_packages(self._around.runs_folder, self._run.id)

    def _await(self, later: Later) -> None:
        """The result will come by itself."""
        with _CALLING_OFF:
            self._later = later
            called_off = self._called_off
        if called_off:
            later.cancel()
        self._around.rests(self._run.id, self._start.attempt, True)

        def there() -> None:
            self._around.rests(self._run.id, self._start.attempt, False)
            if not self.stopped:
                in_own_thread(lambda: self._conclude(later.result))

        later.when_there(there)

    def _result(self, outcome: Callable[[], Mapping[str, Any] | Later | CachedResult]) -> TaskFinished | None:
        """The result, whatever happens: a thread that dies without one would leave the node running for ever. None where it
        comes later."""
        key = self._start.attempt
        try:
            outputs = outcome()
            if isinstance(outputs, Later):
                self._await(outputs)
                return None
            if isinstance(outputs, CachedResult):
                return self._as_before(outputs)
            crash_point("task-returned")
            kept = with_room(lambda: self._kept(outputs), self._stop, self._planned.id)
            crash_point("outputs-kept")
            # What the task set early counts.
            missing = missing_output(self._planned, {*self._early, *kept} if self._early else kept)
            if missing is not None:
                raise TaskFailed("OutputError", missing, outputs=kept)
        except TaskFailed as failure:
            error = TaskError(failure.kind, self._told(failure.message))
            kept, code = self._kept_of_failed(failure), failure.exit_code
            state: AttemptState = "outputs" if failure.kind == "OutputError" else "cancelled" if failure.by_hand else "failed"
            return TaskFinished(self._around.clock.now(), key, state, kept, error, code, self._files.hashes)
        except BaseException as error:  # also SystemExit and KeyboardInterrupt of the task's own code
            text = TaskError(type(error).__name__, self._told(str(error) or type(error).__name__))
            return TaskFinished(self._around.clock.now(), key, "failed", {}, text, None, self._files.hashes)
        finally:
            self._log_file.close()
        return TaskFinished(self._around.clock.now(), key, "completed", kept, None, None, self._files.hashes, self._cache_told)

    # --- the cache -------------------------------------------------------------------------------------------------

    def _found(self, work: Work) -> CachedResult | None:
        """An earlier result that may stand for this attempt's."""
        setting, around = self._start.fields.get("cache"), self._around
        if not setting or around.cache is None or self._planned.repeat is not None:
            return None
        self._caching = Caching(around.cache, around.artifacts, self._run, self._planned, setting)
        return self._caching.look(self._start.attempt, work, self._executor, around.clock.now())

    def _as_before(self, found: CachedResult) -> TaskFinished:
        """The attempt gives what an earlier one gave, and emits what that one emitted."""
        key, now = self._start.attempt, self._around.clock.now
        for name, payload in found.emitted:
            self._around.tell(self._run.id, TaskEmitted(now(), key, name, payload))
        return TaskFinished(now(), key, "completed", dict(found.outputs), None, None, self._files.hashes, self._cache_told)

    @property
    def _cache_told(self) -> Mapping[str, Any]:
        return {} if self._caching is None else self._caching.told

    def _kept(self, outputs: Mapping[str, Any]) -> Mapping[str, Any]:
        # Before, because a large value becomes a file; and after, because numpy's texts are plain only then.
        shown = self._mask.values(outputs)
        return self._mask.values(keep_outputs(shown, self._planned.outputs, self._around.artifacts, self._folder))

    def _told(self, message: str) -> str:
        """An error's text as it can be kept: without secrets, and without what is no text (half surrogates)."""
        return self._mask.text(message).encode("utf-8", "backslashreplace").decode()

    def _executed(self) -> Mapping[str, Any] | Later | CachedResult:
        work = self._work()
        found = self._found(work)
        if found is not None:
            return found
        token = current_work.set(work)
        try:
            with nullcontext() if self._caching is None else self._caching.working(self._own_events):
                outputs = self._executor.execute(work)
        finally:
            current_work.reset(token)
        if isinstance(outputs, Later) and self._caching is not None:
            self._caching.keep_nothing()
        if outputs is not None and not isinstance(outputs, (Mapping, Later)):
            raise TaskFailed(
                "OutputError", f"the executor of `{self._start.type}` returned {type(outputs).__name__}, not a mapping"
            )
        return outputs or {}

    def _kept_of_failed(self, failure: TaskFailed) -> Mapping[str, Any]:
        """What a failed attempt had set is for ``retryWhen`` to look at; what cannot be kept of it is let go."""
        try:
            return self._kept(failure.outputs)
        except TaskFailed:
            return {}

    # --- while it runs ---------------------------------------------------------------------------------------------

    def _work(self) -> Work:
        work = _Begun(
            execution_id=self._run.id,
            attempt=self._start.attempt,
            type=self._start.type,
            inputs=self._around.artifacts.bring(self._start.inputs),
            fields={name: value for name, value in self._start.fields.items() if name != "cache"},
            declared=self._planned.outputs,
            folder=self._run.folder,
            run_folder=_NOT_YET,
            namespace=self._run.namespace,
            initiator=self._run.record.initiator,
            written=self._planned.fields,
            emit=self._emit,
            output=self._output,
            progress=self._progress,
            log=self._log,
            note=self._note,
            used=self._used,
            opened=lambda: opened(self._start.inputs, self._around.artifacts),
            hide=self._mask.add,
            masked=self._mask.text,
            secret_names=_secret_names(self._planned),
            earlier=self._earlier,
            stopped=self._stop.is_set,
            on_stop=self._stop.on_stop,
            waiting=self._waiting,
        )
        work.own_folder = self._folder
        return work

    def _earlier(self) -> list[Path]:
        return earlier_attempts(self._folder())

    def _used(self, path: Path, data: bytes) -> None:
        change = self._files.add(path, data, self._earlier)
        if change is not None:
            self._note(change)

    def _waiting(self, yes: bool, told: Mapping[str, Any]) -> None:
        if not self.stopped:
            fact = TaskWaiting(self._around.clock.now(), self._start.attempt, not yes, yes, told if yes else {})
            self._around.tell(self._run.id, fact)

    def _emit(self, name: str, payload: Mapping[str, Any]) -> None:
        if name not in self._planned.emits:
            known = ", ".join(sorted(self._planned.emits)) or "none"
            raise TaskFailed("EmitError", f"`{self._planned.id}` may not emit {name!r}: its `emits` names {known}")
        self._emitted += 1
        if self._run.limit.is_reached(self._emitted + len(self._run.state.log.rows)):
            raise TaskFailed("TooManyEvents", self._run.limit.told())
        kept = keep_outputs(payload, {}, self._around.artifacts, self._folder)
        if self._caching is not None:
            self._own_events.append((name, kept))
        self._around.tell(self._run.id, TaskEmitted(self._around.clock.now(), self._start.attempt, name, kept))

    def _output(self, values: Mapping[str, Any]) -> None:
        kept = self._kept(values)
        self._early.update(kept)
        self._around.tell(self._run.id, TaskOutputSet(self._around.clock.now(), self._start.attempt, kept))

    def _progress(self, done: float, total: float | None, text: str) -> None:
        if not self.stopped:
            self._run.progress[self._planned.id] = Progress(done, total, self._mask.text(text))
            self._run.tell()

    def _log(self, text: str) -> None:
        self._log_file.write(self._mask.text(text))

    def _note(self, text: str) -> None:
        text = self._mask.text(text)
        self._log_file.write(text)
        fact = TaskNoted(self._around.clock.now(), self._start.attempt, self._told(text)[:_NOTE_LENGTH])
        self._around.tell(self._run.id, fact)


class AskingJob(AttemptJob):
    """An attempt that a person ends: its executor only looks whether it can be asked. What it gives is no result;
    that it failed is."""

    def __call__(self) -> None:
        self._begin()
        fact = self._result(self._executed)
        if fact is not None and fact.state == "failed":
            self._around.tell(self._run.id, fact)


def attempt_folder(runs_folder: Path, execution_id: str, key: AttemptKey) -> Path:
    """Where an attempt leaves what it writes: ``<execution>/<node>/r1-a1``, with iteration and item where there are any."""
    parts = [f"r{key.round}"]
    if key.iteration:
        parts.append(f"i{key.iteration}")
    if key.item is not None:
        parts.append(f"x{key.item}")
    return runs_folder / execution_id / key.node / "-".join([*parts, f"a{key.number}"])


def _secret_names(planned: PlannedNode) -> frozenset[str]:
    """The secrets that a node's fields name in their expressions."""
    parts = [part for bound in planned.bound_fields for part in bound.template.parts if not isinstance(part, str)]
    return frozenset(str(read.path[1]) for part in parts for read in part.reads if read.path[0] == "secrets" and len(read.path) > 1)


_ATTEMPT = re.compile(r"r(\d+)(?:-i(\d+))?(?:-x(\d+))?-a(\d+)")


def earlier_attempts(folder: Path) -> list[Path]:
    """The folders of the attempts at the same node and item before this one, newest first."""
    own = _ATTEMPT.fullmatch(folder.name)
    found: list[tuple[tuple[int, ...], Path]] = []
    for other in folder.parent.iterdir() if own is not None and folder.parent.is_dir() else ():
        name = _ATTEMPT.fullmatch(other.name)
        if own is not None and name is not None and name[3] == own[3] and _rank(name) < _rank(own):
            found.append((_rank(name), other))
    return [path for _, path in sorted(found, reverse=True)]


def _rank(name: re.Match[str]) -> tuple[int, ...]:
    return tuple(int(name[group] or 0) for group in (1, 2, 4))
