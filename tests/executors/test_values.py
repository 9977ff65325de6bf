"""Every value comes back equal from every kind of task, or is refused by name before anything is kept."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import nbformat
import pytest

from tests.executors.border_values import IMPORTS, KEPT, REFUSED, same
from tests.executors.running import Folder, failure
from yamlflow_nb.bootstrap import services
from yamlflow_nb.executors.parameters_cell import check_names, literal
from yamlflow_nb.services.execution import Execution

ROWS = pytest.mark.trust("F35", "F36", "F37", "F38", "F39", "B15")
MAKING = IMPORTS + "\n".join(f"{name} = {source}" for name, (source, _) in KEPT.items())
COMPARING = (
    IMPORTS + inspect.getsource(same) + "\nwrong = []\n"
    + "\n".join(f"wrong += [] if same({name}, {back}) else [{name!r}]" for name, (_, back) in KEPT.items())
)  # fmt: skip
DECLARED = {name: {"type": "any"} for name in KEPT}


def _two(folder: Folder, type: str, **fields: Any) -> Execution:
    """One node that makes every value, and one that gets them all and compares."""
    names = {name: f"{{{{ make.{name} }}}}" for name in KEPT}
    if type == "notebook":
        folder.notebook("make.ipynb", MAKING)
        folder.notebook("compare.ipynb", COMPARING)
        make, compare = {"path": "make.ipynb"}, {"path": "compare.ipynb"}
    else:
        make, compare = {"code": MAKING, **fields}, {"code": COMPARING, **fields}
    nodes = [
        {"id": "make", "type": type, "outputs": DECLARED, **make},
        {"id": "compare", "type": type, "inputBindings": names, "outputs": {"wrong": "array"}, **compare},
    ]
    return folder.run(json.dumps({"name": "two", "nodes": nodes}, ensure_ascii=False))


@pytest.mark.parametrize(("type", "isolation"), [("python", "thread"), ("python", "process"), ("notebook", None)])
@ROWS
def test_every_value_goes_out_and_in_again_unchanged(folder: Folder, type: str, isolation: str | None) -> None:
    assert len(KEPT) >= 40
    execution = _two(folder, type, **({} if isolation is None else {"isolation": isolation}))
    assert execution.status == "completed", str(execution)
    assert execution.nodes["compare"].outputs["wrong"] == []


@ROWS
def test_every_value_is_the_same_when_the_store_is_read_again(folder: Folder) -> None:
    execution = folder.node("python", outputs=DECLARED, code=MAKING)
    here, store = dict(execution.nodes["a"].outputs), folder.store
    folder.close()
    again = services(store).executions.get(execution.id).nodes["a"].outputs
    assert all(same(here[name], again[name]) for name in KEPT)
    assert again["v_long_array"]["dtype"] == "float64" and again["v_long_array"]["format"] == "npy"
    assert again["v_frame"]["format"] == "parquet" and again["v_frame"]["rows"] == 2
    database = b"".join(path.read_bytes() for path in Path(store).parent.glob("store.db*"))
    assert b"NaN" not in database and b"Infinity" not in database


@pytest.mark.parametrize("name", REFUSED)
@ROWS
def test_what_cannot_be_kept_is_refused_by_name(folder: Folder, name: str) -> None:
    source, why = REFUSED[name]
    execution = folder.node("python", outputs={"good": "any", name: "any"}, code=f"{IMPORTS}\ngood = 1\n{name} = {source}")
    told = failure(execution)
    assert f"output `{name}`" in told and why in told
    assert dict(execution.nodes["a"].outputs) == {} and "a.good" not in execution.variables


@pytest.mark.parametrize("type", ["notebook", "process"])
@ROWS
def test_what_cannot_be_kept_is_refused_in_other_processes_too(folder: Folder, type: str) -> None:
    """Each goes over the channel; then one of them is left to be read after the last line."""
    code = f"""{IMPORTS}
import yamlflow_nb as yf
told = {{}}
for name, make in {{{", ".join(f"{name!r}: lambda: {source}" for name, (source, _) in REFUSED.items())}}}.items():
    try:
        yf.output(**{{name: make()}})
    except Exception as error:
        told[name] = str(error)
"""
    outputs = {"told": "object"}
    if type == "notebook":
        folder.notebook("a.ipynb", code)
        execution = folder.node("notebook", outputs=outputs, path="a.ipynb")
    else:
        execution = folder.node("python", outputs=outputs, code=code, isolation="process")
    told = execution.nodes["a"].outputs["told"]
    assert [name for name, (_, why) in REFUSED.items() if why not in told.get(name, "")] == []


@ROWS
def test_an_output_of_a_kernel_that_cannot_be_kept_fails_its_node_by_name(folder: Folder) -> None:
    folder.notebook("a.ipynb", "good = 1\nbad = {1: 2}")
    execution = folder.node("notebook", outputs={"good": "any", "bad": "any"}, path="a.ipynb")
    assert "output `bad` cannot be kept: the key 1 is no text" in failure(execution)
    assert "a.good" not in execution.variables


# --- the parameters of notebooks -----------------------------------------------------------------------------------------

NAMES = ["x = 1\nimport os; os.system('id') #", "class", "a.b", "", "1a", "a b", "ä", "None", "x\n", "a-b", "lambda"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.trust("B14")
def test_a_name_that_is_no_plain_name_never_becomes_code(folder: Folder, name: str) -> None:
    from yamlflow_nb.domain.work import TaskFailed

    with pytest.raises(TaskFailed, match="cannot be a parameter"):
        check_names({name: 1})


@pytest.mark.trust("B14")
def test_a_notebook_with_such_a_name_fails_before_a_kernel_starts(folder: Folder) -> None:
    folder.notebook("a.ipynb", "1")
    document = {"name": "p", "nodes": [{"id": "a", "type": "notebook", "path": "a.ipynb", "inputBindings": {"class": 1}}]}
    execution = folder.run(json.dumps(document, ensure_ascii=False))
    assert "'class' cannot be a parameter" in failure(execution)
    assert not (folder.attempt(execution) / "kernel.log").exists()


@pytest.mark.trust("B15")
def test_a_parameter_called_like_a_module_does_not_hide_it(folder: Folder) -> None:
    folder.notebook("a.ipynb", "n = (uuid + 1, str(key), decimal, str(price))")
    document = """\
name: two
nodes:
  - {id: make, type: python, code: "import uuid, decimal; key = uuid.UUID(int=1); price = decimal.Decimal('1.10')",
     outputs: {key: any, price: any}}
  - {id: a, type: notebook, path: a.ipynb, outputs: {n: array},
     inputBindings: {uuid: 1, decimal: 2, key: "{{ make.key }}", price: "{{ make.price }}"}}
"""
    execution = folder.run(document)
    assert execution.nodes["a"].outputs["n"] == [2, "00000000-0000-0000-0000-000000000001", 2, "1.10"], str(execution)


@pytest.mark.trust("B15")
def test_a_text_in_a_literal_stays_a_text() -> None:
    text = "'\"\"\"\\\n{x} \x00 \u2028 #"
    assert eval(literal(text)) == text and eval(literal({"a'b": [text]})) == {"a'b": [text]}


@pytest.mark.trust("B14")
def test_an_unknown_parameter_is_told_with_the_nearest_one_before_the_start(folder: Folder) -> None:
    folder.notebook("a.ipynb", "month = 1\nyear: int = 2013", "month + year", tags={1: "parameters"})
    execution = folder.node("notebook", {"mnth": 2}, path="a.ipynb")
    assert failure(execution) == "the notebook has no parameter `mnth`: did you mean `month`?"
    assert not (folder.attempt(execution) / "kernel.log").exists()
    assert nbformat.read(folder.path / "a.ipynb", as_version=4).cells[0].source.startswith("month = 1")


def test_a_parameter_that_is_read_without_a_default_is_noted_only(folder: Folder) -> None:
    folder.notebook("a.ipynb", "month = 1", "n = extra", tags={1: "parameters"})
    execution = folder.node("notebook", {"extra": 2}, {"n": "integer"}, path="a.ipynb")
    assert execution.nodes["a"].outputs["n"] == 2 and "reads it without a default" in str(execution)
