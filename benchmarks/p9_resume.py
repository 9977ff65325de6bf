"""P9: ``kill -9`` of a run of 1,000 nodes that is half done; another process goes on: how long to its first new node."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import Report, Row
from benchmarks.pipelines import layered

_START = """
import sys
from pathlib import Path
import yamlflow_nb
yamlflow_nb.start(Path(sys.argv[1]), store=sys.argv[2]).wait()
"""
_RESUME = """
import sys, time
from yamlflow_nb.bootstrap import services
executions = services(sys.argv[1]).executions
print("ready", flush=True)
sys.stdin.readline()
begun = time.perf_counter()
executions.resume()
with open(sys.argv[2]) as told:
    while not told.readline():
        pass
print(time.perf_counter() - begun, flush=True)
import os
os._exit(0)
"""


def run(report: Report, full: bool) -> None:
    n = 1_000
    raw = [resumed(n) for _ in range(5 if full else 3)]
    note = "lease, facts, replay, compare, commit"
    row = report.add(Row("P9", "resume after kill -9, half done, to the first new node", n, raw, note=note))
    report.find("P9", "resume of 1,000 nodes, half done: first new node", row.median * 1e3, "ms", 1000.0)


def resumed(n: int) -> float:
    """Seconds from the command, in a process that has loaded its modules, to the first task that begins."""
    with tempfile.TemporaryDirectory() as folder:
        told, file = Path(folder) / "told", Path(folder) / "half.pipeline.yaml"
        os.mkfifo(told)
        half = f"l{n // 20}_0"
        head = f"- id: {half}\n    type: python\n"
        text = layered(n).replace(f"{head}    code: pass\n", f"{head}    file: half.py\n")
        file.write_text(text, encoding="utf-8")
        # Half way the task says that it has begun, and hangs; of the process that goes on it is the first new one.
        (Path(folder) / "half.py").write_text(
            f"import threading\nwith open({str(told)!r}, 'w') as pipe:\n    pipe.write('begun\\n')\nthreading.Event().wait()\n"
        )
        store = str(Path(folder) / "store.db")
        first = subprocess.Popen([sys.executable, "-c", _START, str(file), store])
        with told.open() as pipe:
            pipe.readline()
        os.kill(first.pid, signal.SIGKILL)
        first.wait()
        other = subprocess.Popen(
            [sys.executable, "-c", _RESUME, store, str(told)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder
        )
        assert other.stdin is not None and other.stdout is not None
        other.stdout.readline()
        time_said = other.communicate("go\n", timeout=120)[0]
    return float(time_said)
