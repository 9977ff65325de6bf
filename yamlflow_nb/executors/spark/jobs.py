"""What Spark runs for one attempt: marked by a tag, counted, cancelled where it runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Protocol

from yamlflow_nb.domain.work import Work
from yamlflow_nb.executors.ladder import PATIENCE

_OFTEN = 0.5
"""Seconds between two looks at how far the jobs are."""
_AGAIN = 0.2
"""Seconds between two cancellations: the task may have asked for its next job meanwhile."""


class Jobs(Protocol):
    """The jobs of one attempt."""

    tag: str

    def mark(self) -> None:
        """From here on the jobs that this thread asks for are the attempt's."""

    def done(self) -> tuple[int, int, str] | None:
        """Tasks done, tasks known, and where that is; None while there is nothing to tell."""

    def cancel(self) -> list[str]:
        """Cancel what runs; gives what was running."""


def tag_of(work: Work) -> str:
    """``yamlflow/<execution>/<node>/r1-a1``: in Spark's own pages a job can be told to be whose."""
    return f"yamlflow/{work.execution_id}/{work.attempt.node}/{work.run_folder.name}".replace(",", "-")


class ApplicationJobs:
    """Jobs of an application in this process."""

    def __init__(self, context: Any, work: Work) -> None:
        self.tag = tag_of(work)
        self._context = context
        self._node = work.attempt.node
        self._ended: dict[int, tuple[int, int]] = {}
        """Job → its stages and tasks, for those that will not change any more."""

    def mark(self) -> None:
        if hasattr(self._context, "addJobTag"):
            self._context.addJobTag(self.tag)
            self._context.setInterruptOnCancel(True)
            self._context.setJobDescription(self._node)
        else:
            self._context.setJobGroup(self.tag, self._node, True)

    def done(self) -> tuple[int, int, str] | None:
        tracker = self._context.statusTracker()
        stages = done_stages = tasks = done_tasks = 0
        for job in self._ids():
            of_job = self._counted(tracker, job)
            done_stages, stages = done_stages + of_job[0], stages + of_job[1]
            done_tasks, tasks = done_tasks + of_job[2], tasks + of_job[3]
        return (done_tasks, tasks, f"tasks (stage {min(done_stages + 1, stages)} of {stages})") if tasks else None

    def cancel(self) -> list[str]:
        running = self._running()
        if hasattr(self._context, "cancelJobsWithTag"):
            self._context.cancelJobsWithTag(self.tag)
        else:
            self._context.cancelJobGroup(self.tag)
        return running

    def _ids(self) -> list[int]:
        if not hasattr(self._context, "addJobTag"):
            return list(self._context.statusTracker().getJobIdsForGroup(self.tag))
        # Python's own tracker knows groups only.
        return list(self._context._jsc.sc().statusTracker().getJobIdsForTag(self.tag))

    def _running(self) -> list[str]:
        active = set(self._context.statusTracker().getActiveJobsIds())
        return [str(job) for job in self._ids() if job in active]

    def _counted(self, tracker: Any, job: int) -> tuple[int, int, int, int]:
        """Stages done, stages, tasks done, tasks. A stage that Spark left out, because its result was there, counts for nothing."""
        if job in self._ended:
            stages, tasks = self._ended[job]
            return stages, stages, tasks, tasks
        info = tracker.getJobInfo(job)
        found = [stage for stage in map(tracker.getStageInfo, info.stageIds) if stage is not None] if info is not None else []
        if info is not None and info.status != "RUNNING":
            ran = [stage for stage in found if stage.numCompletedTasks]
            self._ended[job] = len(ran), sum(stage.numCompletedTasks for stage in ran)
            return self._counted(tracker, job)
        whole = [stage for stage in found if stage.numCompletedTasks >= stage.numTasks]
        return len(whole), len(found), sum(one.numCompletedTasks for one in found), sum(one.numTasks for one in found)


class ServerJobs:
    """Operations of a session on a Spark Connect server."""

    def __init__(self, session: Any, work: Work) -> None:
        self.tag = tag_of(work)
        self._session = session
        self._stages: dict[int, tuple[int, int, bool]] = {}
        """Stage → tasks done, tasks, whether it is done."""

    def mark(self) -> None:
        self._session.addTag(self.tag)
        self._session.registerProgressHandler(self._told)

    def done(self) -> tuple[int, int, str] | None:
        stages = list(self._stages.values())
        if not stages:
            return None
        whole = sum(done >= tasks for done, tasks, _ in stages)
        text = f"tasks (stage {min(whole + 1, len(stages))} of {len(stages)})"
        return sum(done for done, _, _ in stages), sum(tasks for _, tasks, _ in stages), text

    def cancel(self) -> list[str]:
        return list(self._session.interruptTag(self.tag))

    def _told(self, stages: Any, inflight_tasks: int, operation_id: str | None, done: bool) -> None:
        self._stages.update({stage.stage_id: (stage.num_completed_tasks, stage.num_tasks, stage.done) for stage in stages or ()})


class Watch:
    """While an attempt is at work: says how far its jobs are, and cancels them when it is stopped."""

    def __init__(self, jobs: Jobs, work: Work) -> None:
        self._jobs = jobs
        self._work = work
        self._over = threading.Event()
        self._confirmed = threading.Event()
        self._spoken = False
        self._take_back: Callable[[], None] = lambda: None

    def __enter__(self) -> Watch:
        self._tell, self._work.progress = self._work.progress, self._task_tells
        self._jobs.mark()
        threading.Thread(target=self._look, name="yamlflow-spark-progress", daemon=True).start()
        self._take_back = self._work.on_stop(self._cancel)
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        if self._work.stopped():
            self._confirmed.wait(PATIENCE)  # what is said later comes too late for the log
        self._take_back()
        self._work.progress = self._tell

    def _task_tells(self, done: float, total: float | None, text: str) -> None:
        """A task that tells its own progress knows better than a count of Spark's tasks."""
        self._spoken = True
        self._tell(done, total, text)

    def _look(self) -> None:
        last = None
        while not self._over.wait(_OFTEN) and not self._spoken:
            try:
                now = self._jobs.done()
            except Exception:
                return  # the application is gone, which the attempt itself will say
            if now is not None and now != last:
                self._tell(*now)
            last = now

    def _cancel(self) -> None:
        """Jobs are cancelled where they run: a thread that waits for one hears nothing else."""
        try:
            self._cancelled()
        except Exception as error:
            self._work.log(f"stopping: Spark could not be told to cancel: {type(error).__name__}")
        finally:
            self._confirmed.set()

    def _cancelled(self) -> None:
        told: set[str] = set()
        for _ in range(int(3 * PATIENCE / _AGAIN)):
            running = self._jobs.cancel()
            if not told.issuperset(running):
                self._work.log(f"stopping: cancelled on Spark by tag {self._jobs.tag}: {', '.join(running)}")
                told.update(running)
            if self._over.is_set() and not running:
                break
            time.sleep(_AGAIN)
        if running:
            self._work.note(f"`{self._work.attempt.node}` was stopped, but Spark still runs {', '.join(running)} of it")
        else:
            self._work.log("stopping: Spark confirms that nothing of this attempt runs any more")
