"""``yamlflow schema``: whatever is valid fits it, and it knows the fields of every installed task type."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from tests.planning.documents import valid
from yamlflow_nb.executors.registry import task_types
from yamlflow_nb.language.yaml_reader import read_document
from yamlflow_nb.services.document_schema import document_schema

SCHEMA = document_schema(task_types())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def plain(text: str) -> Any:
    document, _ = read_document(text)
    assert document is not None
    return document.root.plain()


def test_every_valid_document_fits_the_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for text, _ in valid():
        assert not [error.message for error in VALIDATOR.iter_errors(plain(text))], text


def test_a_field_of_any_type_may_be_an_expression() -> None:
    text = 'name: p\nnodes: [{id: a, type: approval, message: m, quorum: "{{ 1 + 1 }}", approvers: "{{ [\'x\'] }}"}]\n'
    assert not list(VALIDATOR.iter_errors(plain(text)))


@pytest.mark.parametrize(
    "text",
    [
        "name: p\nnodes: []\n",
        "name: p\nnodes: [{id: a, type: python, code: pass, cod: 1}]\n",
        "name: p\nnodez: 1\nnodes: [{id: a, type: python, code: pass}]\n",
        "name: p\nversion: 1.2\nnodes: [{id: a, type: python, code: pass}]\n",
        "name: p\nnodes: [{id: a, type: pyton}]\n",
        "name: p\ntaskDefinitions: {t: {type: python, cod: x}}\nnodes: [{id: a, type: python, code: pass}]\n",
        "name: p\ndefaults: {timeuot: 5m}\nnodes: [{id: a, type: python, code: pass}]\n",
    ],
)
def test_what_is_wrong_does_not_fit(text: str) -> None:
    assert list(VALIDATOR.iter_errors(plain(text)))
