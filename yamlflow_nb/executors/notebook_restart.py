"""A notebook that failed → the same notebook from the failed cell on, where what its earlier cells left can be had again.

The kernel keeps its state after each cell (``cell_recorder``) and brings it back (``going_on``); here it is decided whether to ask
for that, and told what came of it.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat

from yamlflow_nb.domain.work import Work

FOLDER = "state"
RESTORED = "restored"
"""Tag of a cell that did not run in this attempt: its outputs are of the attempt before."""
_STATE, _VERDICT, _SPOKE = "state.json", "going-on.json", "spoke.json"
_ITERATION = re.compile(r"r\d+(-i\d+)?(-x\d+)?-a\d+")


@dataclass
class Restart:
    """Of one attempt: ``places`` are the cells that run, in order; ``earlier`` the attempt whose state is to be had; ``done`` how
    many cells need not run."""

    work: Work
    notebook: Any
    places: list[int]
    secrets: list[str]
    number: Any
    earlier: Path | None = None
    done: int = 0
    again: list[int] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return self.work.run_folder / FOLDER

    def look(self) -> None:
        """Find the attempt to go on from; say why there is none, where one might have been expected."""
        before = next(iter(self.work.earlier()), None)
        if before is None or _iteration(before) != _iteration(self.work.run_folder):
            return
        state = before / FOLDER / _STATE
        if not state.is_file() or self.work.fields.get("restart", "fromFailedCell") == "fromStart":
            return
        spoke = before / FOLDER / _SPOKE
        if spoke.exists():
            told = json.loads(spoke.read_text(encoding="utf-8"))
            self._say({"cell": told["cell"], "object": f"`{told['said']}()`", "why": "what it told went with the failed attempt"})
            return
        if _cells_of(state) < len(self.places):
            self.earlier = before

    def given(self) -> tuple[Any, ...]:
        """With what the kernel begins (``going_on.begin``)."""
        sources = [str(self.notebook.cells[place].source) for place in self.places]
        earlier = str(self.earlier / FOLDER) if self.earlier is not None else None
        return (str(self.folder), self.secrets, sources, earlier)

    def code(self) -> str:
        """The same as what the kernel is to run before the cells; it leaves no name behind."""
        return f"__import__('importlib').import_module('yamlflow_nb.executors.going_on').begin{self.given()!r}"

    def taken(self) -> bool:
        """Whether the kernel is fit for what is to come: False when the notebook starts over, in another kernel."""
        path = self.folder / _VERDICT
        told = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        path.unlink(missing_ok=True)
        before, self.earlier = self.earlier, None
        if before is None:
            return True
        if "over" in told or not told:
            self._say(told.get("over", {"cell": 1, "object": "the kernel", "why": "the state was not brought back"}))
            shutil.rmtree(self.folder, ignore_errors=True)
            return False
        self.done, self.again = told["cells"], told["again"]
        self._show(before)
        again = (
            f"; ran again for what cannot be kept: cell {', '.join(str(self._number(at)) for at in self.again)}"
            if self.again
            else ""
        )
        self.work.note(f"goes on at cell {self._number(self.done + 1)}, with what attempt {before.name} had done{again}")
        return True

    def spoke(self, said: str, place: int) -> None:
        """A cell told the pipeline something: that goes with the attempt when it fails."""
        path = self.folder / _SPOKE
        if not path.exists() and self.folder.is_dir():
            path.write_text(json.dumps({"cell": self.number(place), "said": said}), encoding="utf-8")

    def completed(self) -> None:
        """Nothing is to go on from any more."""
        for folder in (self.work.run_folder, *self.work.earlier()):
            shutil.rmtree(folder / FOLDER, ignore_errors=True)

    def _number(self, at: int) -> int:
        """How the source counts the cell that runs as the ``at``-th."""
        return int(self.number(self.places[at - 1]))

    def _say(self, told: dict[str, Any]) -> None:
        cell = self._number(min(told["cell"], len(self.places)))
        self.work.note(f"starts over: cell {cell}, {told['object']}: {told['why']}")

    def _show(self, before: Path) -> None:
        """Put the outputs that the restored cells had into the copy, and their mark."""
        files = list(before.glob("*.ipynb"))
        kept = nbformat.read(files[0], as_version=4) if files else nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
        shown = {cell.get("id"): cell for cell in kept.cells}
        for place in self.places[: self.done]:
            cell = self.notebook.cells[place]
            old = shown.get(cell.get("id"), {})
            cell.outputs = old.get("outputs", [])
            cell.execution_count = old.get("execution_count")
            tags = [tag for tag in cell.metadata.get("tags", ()) if tag != RESTORED]
            cell.metadata["tags"] = [*tags, RESTORED]


def _cells_of(state: Path) -> int:
    """How many cells had run when a state was written; 0 for one that cannot be read, which the kernel will say."""
    try:
        return len(json.loads(json.loads(state.read_text(encoding="utf-8"))["state"])["cells"])
    except (OSError, ValueError, LookupError, TypeError):
        return 0


def _iteration(folder: Path) -> str | None:
    found = _ITERATION.fullmatch(folder.name)
    return found[1] if found else None
