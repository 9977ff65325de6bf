"""Real processes at little cost: one that has imported everything forks a child for each job, which is then killed.

A job is a JSON line ``{"do": "start" | "resume", "store": ..., "id": ..., "env": {...}, "crash_at": ...}``. The child opens the
store for itself, as any process does; nothing of the engine is open before the fork.
"""

from __future__ import annotations

import faulthandler
import json
import os
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

FLOW = Path(__file__).parent / "flow.pipeline.yaml"


def set_clock_by(path: Path) -> None:
    """From now on the wall clock of this process goes wrong by as many seconds as a file says at that moment."""
    right = time.time

    def wrong() -> float:
        return right() + float(path.read_text())

    time.time = wrong


def work(job: dict[str, Any]) -> int:
    """What a user's process would do."""
    import yamlflow_nb
    from yamlflow_nb.bootstrap import services
    from yamlflow_nb.infrastructure import crash_points
    from yamlflow_nb.loop.kernel_loop import KernelLoop

    crash_points.arm(job.get("crash_at"))
    if os.environ.get("CHAOS_CLOCK"):
        set_clock_by(Path(os.environ["CHAOS_CLOCK"]))
    if job.get("lease_seconds"):
        KernelLoop.__init__.__kwdefaults__["lease_seconds"] = job["lease_seconds"]
    if job["do"] == "start":
        execution = yamlflow_nb.start(job.get("source") or FLOW, store=job["store"], **job.get("options", {}))
    else:
        execution = services(job["store"]).executions.get(job["id"])
        if job["do"] == "cancel":
            execution.cancel(by="chaos")
            return 0
        execution.resume(by="chaos")
    execution.wait()
    return 0 if execution.status == "completed" else 1


def main() -> None:
    # Whoever runs the tests in the background has Ctrl-C ignored, and a child would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    import duckdb
    import pandas
    import pyarrow.parquet

    import yamlflow_nb.bootstrap
    import yamlflow_nb.executors.registry
    import yamlflow_nb.infrastructure.store.sqlite_repository
    import yamlflow_nb.loop.kernel_loop

    assert duckdb and pandas and pyarrow.parquet
    yamlflow_nb.executors.registry.task_types()
    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            code = 70
            # A child that hangs says where, and ends.
            faulthandler.dump_traceback_later(40, exit=True, file=sys.__stderr__)
            try:
                os.environ.update(job.get("env", {}))
                code = work(job)
            except KeyboardInterrupt:
                code = 130
            except BaseException:
                traceback.print_exc()
            yamlflow_nb.bootstrap._close_all()
            os._exit(code)
        print(child, flush=True)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()
