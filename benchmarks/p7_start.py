"""P7: what a cold process takes: import, help, validate; an empty process beside it, in turns."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

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
