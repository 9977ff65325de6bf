"""``import yamlflow_nb``: what it promises, and that it costs nothing until it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

import yamlflow_nb

NAMES = (
    "start run load validate list_executions get_execution read output progress emit log secret "
    "DefinitionError InputError ExecutionFailed load_ipython_extension"
).split()


@pytest.mark.parametrize("name", NAMES)
def test_a_public_name_is_there_and_documented(name: str) -> None:
    assert getattr(yamlflow_nb, name).__doc__
    assert name in dir(yamlflow_nb)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'strat'"):
        yamlflow_nb.strat  # noqa: B018


def test_importing_the_package_loads_no_other_room() -> None:
    code = "import sys, yamlflow_nb; print(*[name for name in sys.modules if name.startswith('yamlflow_nb.')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split() == []


def test_connect_says_when_it_comes() -> None:
    with pytest.raises(AttributeError, match="comes with the service"):
        yamlflow_nb.connect  # noqa: B018
    assert not hasattr(yamlflow_nb, "connect")


def test_a_wrong_argument_is_a_type_error_that_says_what_is_wanted() -> None:
    with pytest.raises(TypeError, match="the text of a document"):
        yamlflow_nb.validate(None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="a reference is"):
        yamlflow_nb.read({"a": 1})


INSIDE = """\
name: inside
nodes:
  - id: a
    type: python
    emits: [found]
    outputs: {n: integer, word: string}
    code: |
      import yamlflow_nb as yf
      yf.progress(1, 2, "half")
      yf.log("noted", 1)
      yf.output(n=5)
      yf.emit("found", rows=3)
      word = yf.secret("word")[::-1]
outputs: {n: "{{ a.n }}", rows: "{{ a.events.found.rows }}"}
"""


def test_a_tasks_code_speaks_to_its_run(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("YAMLFLOW_SECRET_WORD", "open")
    execution = yamlflow_nb.run(INSIDE, store=str(tmp_path / "store.db"))
    assert execution.outputs == {"n": 5, "rows": 3} and execution.nodes["a"].outputs["word"] == "nepo"
    assert [path.read_text().split(" ", 1)[1] for path in tmp_path.rglob("log.txt")] == ["noted 1\n"]
    assert "a.found" in [event.type for event in execution.events]


def test_an_execution_prints_as_a_tree_and_shows_itself_in_one_line(tmp_path) -> None:
    execution = yamlflow_nb.run("name: p\nnodes: [{id: a, type: python, code: pass}]", store=str(tmp_path / "store.db"))
    assert "✓ a" in str(execution) and "\n" not in repr(execution)


@pytest.mark.parametrize("verb", ["output", "progress", "emit", "log"])
def test_what_speaks_for_a_task_says_so_outside_of_one(verb: str) -> None:
    from yamlflow_nb.domain.diagnostic import DiagnosticError

    arguments = {"progress": (1,), "emit": ("found",)}.get(verb, ())
    with pytest.raises(DiagnosticError, match="YF707"):
        getattr(yamlflow_nb, verb)(*arguments)
