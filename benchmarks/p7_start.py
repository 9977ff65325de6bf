"""P7: what a cold process takes: import, help, validate, an empty process beside it, in turns; and the first minute in a cell."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.measure import Report, Row
from benchmarks.pipelines import realistic


def run(report: Report, full: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "fifty.pipeline.yaml"
        file.write_text(realistic(50), encoding="utf-8")
        cli = [sys.executable, "-c", "from yamlflow_nb.cli import main; main()"]
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "import yamlflow_nb": [sys.executable, "-c", "import yamlflow_nb"],
            "yamlflow --help": [*cli, "--help"],
            "yamlflow validate, 50 nodes": [*cli, "validate", str(file)],
        }
        # The first turn writes the bytecode that an installed package has, and is not counted.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        raw: dict[str, list[float]] = {what: [] for what in commands}
        for turn in range(16 if full else 8):
            for what, command in commands.items():
                start = time.perf_counter()
                outcome = subprocess.run(command, capture_output=True, text=True, env=environment)
                taken = time.perf_counter() - start
                if outcome.returncode != 0:
                    raise RuntimeError(f"{what}: exit code {outcome.returncode}\n{outcome.stderr[-800:]}")
                if turn:
                    raw[what].append(taken)
    rows = {what: report.add(Row("P7", what, 1, times)) for what, times in raw.items()}
    empty = rows["python -c pass"].median
    own = statistics.median(taken - bare for taken, bare in zip(raw["import yamlflow_nb"], raw["python -c pass"]))
    report.find("P7", "python -c pass", empty * 1e3, "ms")
    report.find("P7", "import yamlflow_nb, above an empty process", own * 1e3, "ms", 60.0)
    report.find("P7", "yamlflow --help, whole process", rows["yamlflow --help"].median * 1e3, "ms", 150.0)
    report.find("P7", "yamlflow validate of 50 nodes, whole process", rows["yamlflow validate, 50 nodes"].median * 1e3, "ms", 300.0)
    _first_minute(report, environment, 6 if full else 2)


def _first_minute(report: Report, environment: dict[str, str], turns: int) -> None:
    """A fresh kernel: ``%load_ext``, a moment in which a person reads, ``%pipeline demo`` until its first node is seen running."""
    loaded, running = [], []
    for _ in range(turns):
        with tempfile.TemporaryDirectory() as folder:
            load, first = _demo({**environment, "YAMLFLOW_STORE": str(Path(folder) / "store.db")})
            loaded.append(load)
            running.append(first)
    load_row = report.add(Row("P7", "%load_ext yamlflow_nb", 1, loaded))
    first_row = report.add(Row("P7", "%pipeline demo to its first node running", 1, running))
    report.find("P7", "%load_ext yamlflow_nb", load_row.median * 1e3, "ms", 150.0)
    report.find("P7", "%pipeline demo, cell to first node running", first_row.median * 1e3, "ms", 1000.0)


def _demo(environment: dict[str, str]) -> tuple[float, float]:
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel(env=environment)
    try:
        client.execute_interactive("pass", output_hook=lambda message: None, timeout=60)
        start = time.perf_counter()
        client.execute_interactive("%load_ext yamlflow_nb", output_hook=lambda message: None, timeout=60)
        loaded = time.perf_counter() - start
        time.sleep(2)
        seen: list[float] = []

        def look(message: Any) -> None:
            data = message["content"].get("data", {})
            if not seen and "running" in data.get("text/plain", "").partition("\n")[2]:
                seen.append(time.perf_counter())

        start = time.perf_counter()
        client.execute_interactive("%pipeline demo", output_hook=look, timeout=60)
        while not seen:
            look(client.get_iopub_msg(timeout=60))
        return loaded, seen[0] - start
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
