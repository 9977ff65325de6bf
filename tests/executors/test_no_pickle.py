"""What is stored and handed over never runs code when it is read."""

from __future__ import annotations

import ast
import pickle
from pathlib import Path

import numpy as np
import pytest

from tests.executors.running import Folder, failure
from yamlflow_nb.executors.handed_over import unpacked
from yamlflow_nb.infrastructure.artifacts import LocalArtifacts

PACKAGE = Path(__file__).parents[2] / "yamlflow_nb"
FORBIDDEN = {"pickle", "cPickle", "cloudpickle", "dill", "marshal", "shelve", "joblib", "jsonpickle"}
CALLS = {"read_pickle", "to_pickle", "eval", "full_load", "unsafe_load"}
EXEC = {"executors/program.py", "executors/going_on.py"}
"""Where a python task's own code is run, and the class statements of a notebook's own cells: the author's, never a value's."""


@pytest.mark.trust("B29")
def test_nothing_in_the_package_pickles_or_evaluates() -> None:
    found = []
    for path in PACKAGE.rglob("*.py"):
        name = path.relative_to(PACKAGE).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import) and FORBIDDEN & {one.name.partition(".")[0] for one in node.names}:
                found.append(f"{name}: import")
            if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in FORBIDDEN:
                found.append(f"{name}: from {node.module}")
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle" and getattr(node.value, "value", True) is not False:
                found.append(f"{name}: allow_pickle")
            if isinstance(node, ast.Call):
                called = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if called in CALLS or (called == "exec" and isinstance(node.func, ast.Name) and name not in EXEC):
                    found.append(f"{name}: {called}()")
    assert found == []


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (Path.touch, (Path("/tmp/yamlflow-bomb"),))  # type: ignore[return-value]


@pytest.fixture
def bomb(tmp_path: Path) -> Path:
    """An array of objects in numpy's format: a pickle that makes a file when it is read."""
    Path("/tmp/yamlflow-bomb").unlink(missing_ok=True)
    path = tmp_path / "bomb.npy"
    np.save(path, np.array([Bomb()], dtype=object), allow_pickle=True)
    assert pickle.dumps(Bomb()).find(b"touch") > 0
    return path


@pytest.mark.trust("B29")
def test_a_pickle_in_an_artifact_is_refused(tmp_path: Path, bomb: Path) -> None:
    artifacts = LocalArtifacts(tmp_path / "artifacts")
    reference = artifacts.keep(bomb)
    with pytest.raises(ValueError, match="pickle"):
        artifacts.read({**reference, "of": "array"})
    assert not Path("/tmp/yamlflow-bomb").exists()


@pytest.mark.trust("B29")
def test_a_pickle_that_a_kernel_hands_over_is_refused(bomb: Path) -> None:
    with pytest.raises(ValueError, match="pickle"):
        unpacked({"n": ["array", str(bomb)]})
    assert not Path("/tmp/yamlflow-bomb").exists()


@pytest.mark.trust("B29")
def test_objects_in_arrays_and_tables_are_no_way_around(folder: Folder) -> None:
    for source in ("np.array([object()] * 200, dtype=object)", "pd.DataFrame({'a': [object()]})"):
        execution = folder.node("python", outputs={"n": "any"}, code=f"import numpy as np, pandas as pd\nn = {source}")
        assert "output `n`" in failure(execution)


@pytest.mark.parametrize(
    ("source", "size"), [("'x' * 100_000_000", 100_000_000), ("{str(n): n for n in range(1_000_000)}", 15_777_781)]
)
@pytest.mark.trust("B30")
def test_a_very_large_value_is_a_file_and_read_as_the_value(folder: Folder, source: str, size: int) -> None:
    execution = folder.run(f"""\
name: two
nodes:
  - {{id: a, type: python, code: "n = {source}", outputs: {{n: any}}}}
  - {{id: b, type: python, code: "m = len(n); kind = type(n).__name__", outputs: {{m: integer, kind: string}},
     inputBindings: {{n: "{{{{ a.n }}}}"}}}}
""")
    assert execution.nodes["a"].outputs["n"]["size"] == size, str(execution)
    assert execution.nodes["b"].outputs["m"] == (size if "x" in source else 1_000_000)


@pytest.mark.parametrize("source", ["10**1_000_000", "int('9' * 4000) ** 2", "deep"])
@pytest.mark.trust("B30")
def test_numbers_and_lists_without_end_are_refused_by_name(folder: Folder, source: str) -> None:
    code = f"deep = []\nfor _ in range(100_000): deep = [deep]\nn = {source}"
    told = failure(folder.node("python", outputs={"n": "any"}, code=code))
    assert told.startswith("output `n` cannot be kept"), told[:200]


@pytest.mark.trust("B30")
def test_a_bomb_of_zeros_is_not_unpacked(folder: Folder) -> None:
    import gzip

    (folder.path / "bomb.gz").write_bytes(gzip.compress(b"\0" * 50_000_000))
    execution = folder.node("python", outputs={"n": "file"}, code="n = 'bomb.gz'")
    assert execution.nodes["a"].outputs["n"]["size"] < 100_000
