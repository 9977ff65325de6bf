"""Facts come back from their rows, also from those of the versions before."""

from __future__ import annotations

import json

from yamlflow_nb.domain.event import (
    AttemptKey,
    CancelRequested,
    Fact,
    RetryRequested,
    Started,
    TaskError,
    TaskFinished,
    VariableSet,
)
from yamlflow_nb.infrastructure.store.fact_codec import decode, encode

KEY = AttemptKey("a", 1, 0, None, 1)
FACTS: list[Fact] = [
    Started(1.0),
    Started(1.0, {"n": 1}, {"pipeline": "p"}),
    TaskFinished(2.0, KEY),
    TaskFinished(2.0, KEY._replace(item=3), "failed", {"n": 0}, TaskError("E", "no"), 0, {"a.py": "00"}),
    VariableSet(3.0, "a.n", None),
    CancelRequested(4.0, now=True),
    RetryRequested(5.0, ("a",), failed_items=True),
]


def test_every_fact_comes_back_equal() -> None:
    assert [decode(*encode(fact)) for fact in FACTS] == FACTS


def test_what_a_field_holds_by_default_is_not_written() -> None:
    _, line = encode(TaskFinished(2.0, KEY, "completed", {"n": 1}))
    assert json.loads(line) == {"schema": 1, "fact": {"at": 2.0, "attempt": ["a", 1, 0, None, 1], "outputs": {"n": 1}}}


def test_a_fact_with_every_field_written_is_read_as_before() -> None:
    fields = {
        "at": 2.0, "attempt": ["a", 1, 0, None, 1], "state": "completed", "outputs": {"n": 1}, "error": None, "exit_code": None,
        "files": {},
    }  # fmt: skip
    line = json.dumps({"schema": 1, "fact": fields})
    assert decode("TaskFinished", line) == TaskFinished(2.0, KEY, "completed", {"n": 1})
