"""A first pipeline of one's own notebooks."""

from __future__ import annotations

import nbformat
import pytest

from yamlflow_nb.bootstrap import pipelines
from yamlflow_nb.domain.diagnostic import DiagnosticError
from yamlflow_nb.services.draft import draft


def notebook(path, parameters=None):
    cells = [nbformat.v4.new_code_cell("print(1)")]
    if parameters:
        cells.insert(0, nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)


def test_notebooks_become_nodes_one_after_the_other_with_their_parameters(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    notebook("Get data.ipynb", "month = 2\nnames = ['a', \"b\"]\nflights = None\nlater = month + 1")
    notebook("train.ipynb")
    text = draft(["Get data.ipynb", "train.ipynb"])
    assert not pipelines().validate(text)
    definition = pipelines().load(text)
    assert [node.id for node in definition.nodes] == ["get_data", "train"]
    assert definition.nodes[0].inputBindings == {"month": 2, "names": ["a", "b"]}
    assert definition.nodes[1].startWhen == "event:get_data.completed"


def test_two_notebooks_of_one_name_have_two_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "b").mkdir()
    notebook("01.ipynb")
    notebook("b/01.ipynb")
    assert [node.id for node in pipelines().load(draft(["01.ipynb", "b/01.ipynb"])).nodes] == ["nb_01", "nb_01_2"]


@pytest.mark.parametrize("text", [None, "no notebook", "{}", '{"cells": 3}', '{"cells": [{"source": "x"}]}', "[" * 100_000])
def test_what_is_no_notebook_is_told(tmp_path, text):
    path = tmp_path / "x.ipynb"
    if text is not None:
        path.write_text(text)
    if text == '{"cells": [{"source": "x"}]}':
        assert "x.ipynb" in draft([str(path)])
        return
    with pytest.raises(DiagnosticError, match=r"x\.ipynb"):
        draft([str(path)])
