"""Short ways to a pipeline that really runs: its folder, its store, what its attempts left."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

import yamlflow_nb as yf
from yamlflow_nb import bootstrap
from yamlflow_nb.services.execution import Execution


class Folder:
    """A pipeline's folder with a store of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = str(path / ".state" / "store.db")

    def notebook(self, name: str, *cells: str, tags: dict[int, str] | None = None, **metadata: Any) -> Path:
        """A notebook of code cells; ``tags``: number from 1 → tag."""
        made = [nbformat.v4.new_code_cell(cell, id=f"c{number}") for number, cell in enumerate(cells, 1)]
        for number, tag in (tags or {}).items():
            made[number - 1].metadata["tags"] = [tag]
        path = self.path / name
        nbformat.write(nbformat.v4.new_notebook(cells=made, metadata=metadata), path)
        return path

    def start(self, text: str, **options: Any) -> Execution:
        return yf.start(text, folder=self.path, store=self.store, **options)

    def run(self, text: str, **options: Any) -> Execution:
        return self.start(text, **options).wait(100)

    def node(
        self, type: str, inputs: dict[str, Any] | None = None, outputs: dict[str, Any] | None = None, **fields: Any
    ) -> Execution:
        """Run a pipeline of one node ``a``; ``inputs`` go by value."""
        node = {"id": "a", "type": type, **fields}
        if inputs:
            node["inputBindings"] = {name: f"{{{{ pipeline.input.{name} }}}}" for name in inputs}
        if outputs:
            node["outputs"] = outputs
        document: dict[str, Any] = {"name": "one", "nodes": [node]}
        if inputs:
            document["inputVariables"] = {name: {"type": "any"} for name in inputs}
        return self.run(json.dumps(document, ensure_ascii=False), inputs=inputs)

    def attempt(self, execution: Execution, node: str = "a", name: str = "r1-a1") -> Path:
        return Path(self.store).parent / "runs" / execution.id / node / name

    def log(self, execution: Execution, node: str = "a", name: str = "r1-a1") -> list[str]:
        """The records of an attempt, without their times."""
        path = self.attempt(execution, node, name) / "log.txt"
        return [line.split(" ", 1)[1] for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []

    def close(self) -> None:
        made = bootstrap._made.pop(Path(self.store), None)
        if made is not None:
            made.executions.close()


def failure(execution: Execution, node: str = "a") -> str:
    """Why a node failed."""
    error = execution.nodes[node].error
    assert error is not None, str(execution)
    return error.message


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    made = Folder(tmp_path)
    yield made
    made.close()
