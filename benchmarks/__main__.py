"""`python -m benchmarks quick|full [P1 P5 ...]`: measures, writes results.json and results.md beside this file."""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.measure import Report

PROGRAMS = {
    "P1": "p1_simulate", "P2": "p2_durable", "P3": "p3_wide", "P4": "p4_definition", "P5": "p5_expression", "P6": "p6_notebook",
    "P6W": "p6_warm", "P7": "p7_start", "P8": "p8_handoff", "P8-approve": "p8_approve", "P9": "p9_resume", "P11": "p11_idle",
    "S3": "s3_beside_fsspec",
}  # fmt: skip
PACKAGES = ("yamlflow_nb", "PyYAML", "pydantic", "simpleeval")
HERE = Path(__file__).parent


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0] not in ("quick", "full") or not set(arguments[1:]) <= set(PROGRAMS):
        print(f"python -m benchmarks quick|full [{' '.join(PROGRAMS)}]", file=sys.stderr)
        return 2
    mode, chosen = arguments[0], arguments[1:] or list(PROGRAMS)
    report, started = Report(), time.perf_counter()
    for name in chosen:
        print(name, flush=True)
        import_module(f"benchmarks.{PROGRAMS[name]}").run(report, mode == "full")
    took = time.perf_counter() - started
    results = {
        "command": "python -m benchmarks " + " ".join(arguments),
        "seconds": round(took, 1),
        "committed": "in P2, P6, P8, P9, P11 facts, events, states, variables, synchronous=FULL; else nothing: the engine alone",
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "machine": {"system": platform.system(), "processor": platform.machine(), "cores": os.cpu_count()},
        "findings": [finding.to_dict() for finding in report.findings],
        "rows": [row.to_dict() for row in report.rows],
    }
    table = _table(results)
    if chosen == list(PROGRAMS):
        (HERE / "results.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        (HERE / "results.md").write_text(table, encoding="utf-8")
    print("\n" + table)
    return 0


def _table(results: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in results["versions"].items())
    cores = results["machine"]["cores"]
    lines = [
        f"`{results['command']}`: {results['seconds']} s; {versions}; {cores} cores. Medians; committed: {results['committed']}.",
        "",
        "| | What | Measured | Target | |",
        "|---|---|---|---|---|",
    ]
    for found in results["findings"]:
        target = "" if found["target"] is None else f"<= {found['target']:g} {found['unit']}"
        mark = {None: "", True: "met", False: "**short**"}[found["met"]]
        lines.append(f"| {found['measure']} | {found['what']} | {found['value']:.3g} {found['unit']} | {target} | {mark} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
