"""What a task may say while it runs, and what of its outputs is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import yamlflow_nb as yf
from tests.loop.making import Does, Doing, World
from yamlflow_nb.domain.diagnostic import DiagnosticError
from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.loop.run import Run

ONE = """\
name: one
nodes: [{id: a, type: python, code: pass, emits: [found], outputs: {n: {type: any, optional: true}}}]
"""


def _ran(tmp_path: Path, doing: Doing, text: str = ONE) -> tuple[World, Run]:
    with World(tmp_path, {"python": Does(a=doing)}) as world:
        run = world.start(text)
        assert run.wait(10) and run.lost is None
        return world, run


def _error(run: Run) -> str:
    error = run.state.nodes["a"].error
    assert error is not None
    return error.message


def test_a_path_becomes_a_reference(tmp_path: Path) -> None:
    def write(work: Work) -> dict[str, Any]:
        path = work.run_folder / "plot.png"
        path.write_bytes(b"png")
        return {"plot": path}

    world, run = _ran(tmp_path, write)
    assert run.state.nodes["a"].outputs["plot"]["size"] == 3
    assert world.artifacts.kept == [tmp_path / "runs" / "e1" / "a" / "r1-a1" / "plot.png"]


def test_a_data_frame_becomes_a_reference(tmp_path: Path) -> None:
    import pandas as pd

    world, run = _ran(tmp_path, lambda work: {"table": pd.DataFrame({"n": [1]})})
    assert "sha256" in run.state.nodes["a"].outputs["table"] and len(world.artifacts.kept) == 1


@pytest.mark.parametrize("value", ["x" * 70_000, b"x" * 70_000, list(range(30_000))])
@pytest.mark.trust("B30")
def test_a_large_value_becomes_a_reference(tmp_path: Path, value: Any) -> None:
    _, run = _ran(tmp_path, lambda work: {"n": value})
    assert run.state.nodes["a"].outputs["n"]["size"] >= 64 * 1024


@pytest.mark.trust("B30")
def test_a_large_value_under_a_declared_type_fails_and_names_the_output(tmp_path: Path) -> None:
    text = ONE.replace("{type: any, optional: true}", "string")
    _, run = _ran(tmp_path, lambda work: {"n": "x" * 70_000}, text)
    assert "output `n` is 68 KiB" in _error(run) and "declared string" in _error(run)


@pytest.mark.trust("B30")
def test_more_than_a_mebibyte_of_values_fails(tmp_path: Path) -> None:
    _, run = _ran(tmp_path, lambda work: {f"n{number}": "x" * 60_000 for number in range(20)})
    assert "together" in _error(run)


def test_what_cannot_be_kept_fails_the_attempt_and_names_the_output(tmp_path: Path) -> None:
    _, run = _ran(tmp_path, lambda work: {"good": 1, "bad": object()})
    assert "output `bad` cannot be kept" in _error(run)
    assert run.state.nodes["a"].error_type == "OutputError"


def test_what_a_task_changes_later_is_not_changed_in_the_pool(tmp_path: Path) -> None:
    values = [1]
    _, run = _ran(tmp_path, lambda work: {"n": values})
    values.append(2)
    assert run.state.nodes["a"].outputs["n"] == [1]


def test_numbers_of_numpy_become_plain(tmp_path: Path) -> None:
    import numpy as np

    _, run = _ran(tmp_path, lambda work: {"n": np.int64(5)})
    assert type(run.state.nodes["a"].outputs["n"]) is int


def test_a_declared_output_that_is_not_set_fails(tmp_path: Path) -> None:
    text = ONE.replace("{type: any, optional: true}", "integer")
    _, run = _ran(tmp_path, lambda work: {}, text)
    assert _error(run) == "output `n` (integer) was declared, but not set"


def test_an_output_that_was_set_early_counts(tmp_path: Path) -> None:
    text = ONE.replace("{type: any, optional: true}", "integer")

    def early(work: Work) -> dict[str, Any]:
        yf.output(n=5)
        return {}

    _, run = _ran(tmp_path, early, text)
    assert run.state.nodes["a"].outputs == {"n": 5}


def test_a_task_may_emit_what_it_declares(tmp_path: Path) -> None:
    def emit(work: Work) -> dict[str, Any]:
        yf.emit("found", rows=3)
        return {}

    world, _ = _ran(tmp_path, emit)
    (event,) = (event for event in world.repository.events("e1") if event.type == "a.found")
    assert event.payload == {"rows": 3}


def test_an_event_that_is_not_declared_fails_the_task_that_emits_it(tmp_path: Path) -> None:
    def emit(work: Work) -> dict[str, Any]:
        yf.emit("lost")
        return {}

    _, run = _ran(tmp_path, emit)
    assert _error(run) == "`a` may not emit 'lost': its `emits` names found"


def test_what_an_attempt_had_set_when_it_failed_is_seen_by_retry_when(tmp_path: Path) -> None:
    text = ONE.replace("code: pass", 'code: pass, retry: {maxAttempts: 2}, retryWhen: "{{ attempt.outputs.n == 1 }}"')
    calls: list[int] = []

    def fail(work: Work) -> dict[str, Any]:
        calls.append(work.attempt.number)
        raise TaskFailed("Half", "half done", outputs={"n": 1})

    _ran(tmp_path, fail, text)
    assert calls == [1, 2]


@pytest.mark.trust("B34")
def test_a_log_record_is_one_line_whatever_it_says(tmp_path: Path) -> None:
    def log(work: Work) -> dict[str, Any]:
        yf.log("x\n2026-11-23 ERROR fake", 1)
        return {}

    _ran(tmp_path, log)
    lines = (tmp_path / "runs" / "e1" / "a" / "r1-a1" / "log.txt").read_text().splitlines()
    assert len(lines) == 1 and lines[0].endswith("x\\n2026-11-23 ERROR fake 1")


def test_progress_is_seen_while_the_task_runs(tmp_path: Path) -> None:
    def tell(work: Work) -> dict[str, Any]:
        yf.progress(3, 10, "rows")
        return {}

    _, run = _ran(tmp_path, tell)
    assert run.progress["a"] == (3, 10, "rows")


def test_a_task_that_returns_no_mapping_fails(tmp_path: Path) -> None:
    doing: Any = lambda work: 3  # noqa: E731
    _, run = _ran(tmp_path, doing)
    assert "returned int, not a mapping" in _error(run)


def test_speaking_for_a_task_outside_of_one_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DiagnosticError, match="YF707"):
        yf.emit("found")


def test_a_secret_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YAMLFLOW_SECRET_TOKEN", "s3")
    assert yf.secret("token") == "s3"
    with pytest.raises(DiagnosticError, match="YAMLFLOW_SECRET_OTHER"):
        yf.secret("other")


# --- outputs that are not what was declared -------------------------------------------------------------------------------

DECLARED = """\
name: one
nodes:
  - id: a
    type: python
    code: pass
    outputs: {n: integer}
    retry: {maxAttempts: 3}
    retryWhen: "{{ attempt.reason == 'outputs' and attempt.error.type == 'OutputError' and attempt.outputs == %s }}"
  - {id: told, type: python, code: pass, startWhen: "event:a.failed && {{ a.run.reason == 'outputs' }}"}
"""


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "output `n` (integer) was declared, but not set"),
        ({"n": "x"}, "output `n` should be integer, but it is string"),
        ({"n": object()}, "output `n` cannot be kept"),
        ({"n": b"x" * 70_000}, "but `n` is declared integer"),
        ([1], "returned list, not a mapping"),
    ],
)
def test_an_output_that_is_missing_wrong_or_cannot_be_kept_fails_the_node_for_its_outputs(
    tmp_path: Path, given: Any, said: str
) -> None:
    seen = '{"n": "x"}' if given == {"n": "x"} else "{}"
    world, run = _ran(tmp_path, lambda work: given, DECLARED % seen.replace('"', "'"))
    node = run.state.nodes["a"]
    assert (node.state, node.reason, node.attempts) == ("failed", "outputs", 3), "retryWhen saw the reason, and what was set"
    assert said in _error(run) and node.error is not None and node.error.code == "YF414"
    assert run.state.nodes["told"].state == "completed"
    assert [event.payload["reason"] for event in world.repository.events("e1") if event.type == "a.retrying"] == ["outputs"] * 2
    assert not [name for name in world.repository.variables("e1") if name.startswith("a.")]


def test_what_was_set_early_counts_as_set_and_is_checked_too(tmp_path: Path) -> None:
    text = DECLARED % "{}"

    def early(value: Any) -> Doing:
        def do(work: Work) -> dict[str, Any]:
            work.output({"n": value})
            return {}

        return do

    assert _ran(tmp_path / "right", early(3), text)[1].state.nodes["a"].state == "completed"
    wrong = _ran(tmp_path / "wrong", early("x"), text)[1].state.nodes["a"]
    assert (wrong.state, wrong.reason) == ("failed", "outputs")
