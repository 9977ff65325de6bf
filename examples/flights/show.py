"""`make demo`: runs the flights pipeline, shows it live, and says what was skipped and why, and where the results are.

`python -m examples.flights.show --month 3` runs another month; `--picture FILE.png` draws the run (the README's picture).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import yamlflow_nb as yf
from examples.flights.live import follow
from yamlflow_nb.domain.diagnostic import DiagnosticError

PIPELINE = Path(__file__).with_name("flights.pipeline.yaml")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make demo", description="Run the flights pipeline.")
    parser.add_argument("--month", type=int, default=2, help="month of 2013 (default: 2)")
    parser.add_argument("--picture", type=Path, help="draw the run as a graph into this PNG")
    options = parser.parse_args(arguments)
    try:
        run = yf.start(PIPELINE, inputs={"month": options.month})
    except DiagnosticError as error:
        sys.exit(str(error))
    try:
        follow(run)
    except KeyboardInterrupt:
        run.cancel()
        follow(run)
    for name, node in run.nodes.items():
        if node.state == "skipped":
            print(f"\nWhy was {name} skipped?\n{run.why(name)}")
    _say_where(run)
    if options.picture:
        from docs.picture import write_picture

        write_picture(run, options.picture)
    return 0 if run.status == "completed" else 1


def _say_where(run: Any) -> None:
    print("\nWhere the results are")
    for name in ("features", "report"):
        if "notebook" in run.nodes[name].outputs:
            print(f"  executed notebook  {run.nodes[name].outputs['notebook']['path']}  ({name})")
    plots = PIPELINE.parent / "out" / f"report-{run.inputs['month']:02d}.png"
    if "picture" in run.outputs:
        print(f"  plots              {plots}")
    if "line" in run.nodes["summary"].outputs:
        print(f"  summary            {run.nodes['summary'].outputs['line']}")
    file = PIPELINE.relative_to(Path.cwd()) if PIPELINE.is_relative_to(Path.cwd()) else PIPELINE
    print(f"\nAnother month: {Path(sys.executable).with_name('yamlflow')} run {file} --input month=8")


if __name__ == "__main__":
    sys.exit(main())
