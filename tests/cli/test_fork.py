"""``fork``, ``rerun`` and ``diff`` in a terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Said

TEXT = """\
name: sums
inputVariables: {month: {type: integer, default: 1}}
nodes:
  - {id: load, type: python, code: "n = month * 2", inputBindings: {month: "{{ pipeline.input.month }}"}, outputs: {n: integer}}
  - {id: other, type: python, code: "x = 5", outputs: {x: integer}}
  - {id: total, type: python, code: "s = n + x", inputBindings: {n: "{{ load.n }}", x: "{{ other.x }}"}, outputs: {s: integer}}
outputs: {s: "{{ total.s }}"}
"""


@pytest.fixture
def first(place: Path, said: Said) -> str:
    """The id of an execution that ended."""
    (place / "sums.yaml").write_text(TEXT, encoding="utf-8")
    code, out, _ = said("run", "sums.yaml", "--json")
    assert code == 0
    return str(json.loads(out)["id"])


def test_a_fork_says_what_it_reused_and_diff_puts_the_two_side_by_side(first: str, said: Said) -> None:
    code, out, _ = said("fork", "--set", "pipeline.input.month=4")
    assert code == 0 and "s = 13" in out and out.count(f"reused from {first}") == 1
    newest = json.loads(said("show", "--json")[1])
    assert newest["origin"] == first
    code, out, _ = said("diff", newest["id"])
    assert code == 1 and "▶ load" in out and "month: 1 → 4" in out and "other" not in out
    found = json.loads(said("diff", first, newest["id"], "--json")[1])
    assert found["first"] == "load" and found["nodes"]["total"]["values"] == {"s": [7, 13]}


def test_a_fork_of_an_edited_file_runs_what_was_edited(first: str, place: Path, said: Said) -> None:
    (place / "sums.yaml").write_text(TEXT.replace("n + x", "n - x"), encoding="utf-8")
    code, out, _ = said("fork", "--latest", first)
    assert code == 0 and "s = -3" in out and out.count("reused from") == 2
    (place / "new.yaml").write_text(TEXT.replace("x = 5", "x = 6"), encoding="utf-8")
    code, out, _ = said("fork", first, "--definition", "new.yaml")
    assert code == 0 and "s = 8" in out and out.count("reused from") == 1


def test_a_fork_without_a_change_is_refused_with_what_may_be_changed(first: str, said: Said) -> None:
    code, _, err = said("fork", first)
    assert code == 2 and "YF733" in err and "--set" in err
    assert said("fork", "--set", "load.m=1")[0] == 2 and said("fork", "--at", "nobody")[0] == 2


def test_rerun_repeats_all_of_it_with_the_same_inputs_or_the_file_as_it_is_now(first: str, place: Path, said: Said) -> None:
    code, out, _ = said("rerun")
    assert code == 0 and "s = 7" in out and "reused" not in out and f"from {first}" in out
    newest = json.loads(said("show", "--json")[1])["id"]
    code, out, _ = said("diff", newest)
    assert code == 0 and "no difference" in out
    (place / "sums.yaml").write_text(TEXT.replace("x = 5", "x = 6"), encoding="utf-8")
    assert "s = 7" in said("rerun", first)[1] and "s = 8" in said("rerun", "--latest", first)[1]


def test_diff_of_one_that_comes_from_nowhere_asks_for_two(first: str, said: Said) -> None:
    code, _, err = said("diff", first)
    assert code == 2 and "yamlflow diff A B" in err


def test_retry_accepts_what_was_changed_in_the_file_and_lists_what_becomes_of_each_node(place: Path, said: Said) -> None:
    text = TEXT.replace("s = n + x", "raise ValueError('no')")
    (place / "sums.yaml").write_text(text, encoding="utf-8")
    assert said("run", "sums.yaml")[0] == 1
    added = "  - {id: more, type: python, code: pass, startWhen: 'event:total.completed'}\noutputs:"
    (place / "sums.yaml").write_text(
        TEXT.replace('outputs: {s: "{{ total', 'outputs: {s: "{{ total').replace("\noutputs:", f"\n{added}")
    )
    code, out, _ = said("retry", "--accept-changes")
    assert code == 0 and "s = 7" in out
    assert [" ".join(line.split()) for line in out.splitlines()[:4]] == [
        "kept load, other",
        "again total",
        "added more",
        "orphaned -",
    ]


@pytest.mark.trust("F70")
def test_diff_names_the_packages_that_are_others(first: str, place: Path, said: Said) -> None:
    assert said("rerun", first)[0] == 0
    newest = json.loads(said("show", "--json")[1])["id"]
    path = place / "state" / "runs" / newest / "packages.json"
    versions = json.loads(path.read_text())
    assert "pydantic" in versions and "python" in versions
    path.write_text(json.dumps({**versions, "pydantic": "1.0"}))
    code, out, _ = said("diff", newest)
    assert code == 1 and f"{versions['pydantic']} → 1.0" in out
