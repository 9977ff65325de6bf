"""The content hash tells versions apart by what they say, not by how they are laid out."""

from __future__ import annotations

import pytest

from yamlflow_nb.executors.registry import task_types
from yamlflow_nb.language.validation import validate_text

TEXT = "name: p\nversion: '1'\nnodes:\n  - {id: a, type: python, code: pass, startWhen: true}\n"


def content_hash(text: str) -> str:
    definition, found = validate_text(text, task_types())
    assert definition is not None and not found
    return definition.content_hash


@pytest.mark.parametrize(
    "same",
    [
        "# a comment\nversion: \"1\"   # another\nname: p\nnodes:\n- startWhen: true\n  type: python\n  code: pass\n  id: a\n",
        "apiVersion: yamlflow/v1\n" + TEXT,
        TEXT.replace("name: p", "name: default/p"),
        TEXT.replace("\n", "\r\n"),
    ],
)  # fmt: skip
def test_comments_layout_and_the_head_that_publish_writes_make_no_version(same: str) -> None:
    assert content_hash(same) == content_hash(TEXT)


@pytest.mark.parametrize(
    "other",
    [
        TEXT.replace("code: pass", "code: 'pass '"),
        TEXT.replace("version: '1'", "version: '2'"),
        TEXT.replace("name: p", "name: team/p"),
        TEXT.replace("startWhen: true", "startWhen: false"),
        TEXT + "  - {id: b, type: python, code: pass}\n",
    ],
)
def test_other_content_has_another_hash(other: str) -> None:
    assert content_hash(other) != content_hash(TEXT)
