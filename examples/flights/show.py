"""`make demo`: runs the flights pipeline and says what ran, what was skipped and why, and where the results are.

`python -m examples.flights.show --month 3` runs another month; `--picture FILE.png` draws the run (the README's picture).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import yamlflow_nb as yf

PIPELINE = Path(__file__).with_name("flights.pipeline.yaml")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make demo", description="Run the flights pipeline.")
    parser.add_argument("--month", type=int, default=2, help="month of 2013 (default: 2)")
    parser.add_argument("--picture", type=Path, help="draw the run as a graph into this PNG")
    options = parser.parse_args(arguments)
    run = yf.start(PIPELINE, inputs={"month": options.month}, wait=True)
    print(run)
    for name, node in run.nodes.items():
        if node.state == "skipped":
            print(f"\nWhy was {name} skipped?\n{run.why(name)}")
    _say_where(run)
    if options.picture:
        _draw(run, options)
    return 0 if run.status == "completed" else 1


def _say_where(run: Any) -> None:
    features = run.nodes["features"].outputs
    print("\nWhere the results are")
    if "notebook" in features:
        print(f"  executed notebook  {features['notebook']['path']}")
    if "picture" in run.outputs:
        print(f"  plot               {run.outputs['picture']['path']}")
    if "line" in run.nodes["summary"].outputs:
        print(f"  summary            {run.nodes['summary'].outputs['line']}")
    file = PIPELINE.relative_to(Path.cwd()) if PIPELINE.is_relative_to(Path.cwd()) else PIPELINE
    print(f"\nAnother month: {Path(sys.executable).with_name('yamlflow')} run {file} --input month=8")


def _draw(run: Any, options: argparse.Namespace) -> None:
    from docs.picture import Box, draw, needed

    definition = yf.load(PIPELINE)
    kinds = {node.id: node.type for node in definition.nodes}
    boxes = [Box(name, node.state, _told(node, kinds[name])) for name, node in run.nodes.items()]
    draw(boxes, needed(_edges(definition)), f"{definition.name}, month {options.month}: {run.status}", options.picture)


def _told(node: Any, kind: str) -> str:
    if node.reason:
        return f"{node.state}: {node.reason}"
    return f"{kind} · {node.finished_at - node.started_at:.1f} s"


def _edges(definition: Any) -> list[tuple[str, str]]:
    """What a node waits for or reads, once each; the finally node comes after all that is left at the end."""
    names = [node.id for node in definition.nodes]
    found: dict[tuple[str, str], None] = {}
    for node in definition.nodes:
        text = f"{node.startWhen} {node.inputBindings}"
        for other in names:
            if other != node.id and (f"event:{other}." in text or f" {other}." in text):
                found[other, node.id] = None
        if "pipeline.finishing" in text:
            found.update({(other, node.id): None for other in names if other != node.id})
    return list(found)


if __name__ == "__main__":
    sys.exit(main())
