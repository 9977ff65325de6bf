"""Approve and reject, typed: while a run is driven elsewhere, and while nobody drives it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Said, Terminals

TEXT = """\
name: publishing
nodes:
  - {id: load, type: python, code: "n = 3", outputs: {n: integer}}
  - id: review
    type: approval
    title: "Publish {{ load.n }} rows?"
    form: {amount: {type: integer, default: 2}, note: {type: string, required: false}}
    startWhen: event:load.completed
  - {id: publish, type: python, code: "m = k * 10", inputBindings: {k: "{{ review.amount }}"}, outputs: {m: integer}}
outputs: {m: "{{ publish.m }}", note: "{{ review.note | default('') }}"}
"""


@pytest.fixture
def asked(terminals: Terminals) -> str:
    """A run that waits for a decision; its process has ended."""
    (terminals.folder / "publishing.yaml").write_text(TEXT, encoding="utf-8")
    run = terminals.open("run", "publishing.yaml", "--json")
    out, _ = run.communicate(timeout=60)
    assert run.returncode == 3, "it waits"
    return str(json.loads(out)["id"])


def test_a_run_that_waits_says_how_it_goes_on(place: Path, said: Said) -> None:
    (place / "publishing.yaml").write_text(TEXT, encoding="utf-8")
    code, out, err = said("run", "publishing.yaml")
    assert code == 3 and "asks: Publish 3 rows?" in out
    assert "`yamlflow approve review " in err


def test_what_waits_is_listed_and_approved_from_another_terminal_while_nobody_runs_it(terminals: Terminals, said: Said) -> None:
    (terminals.folder / "publishing.yaml").write_text(TEXT, encoding="utf-8")
    code = "import yamlflow_nb as yf; yf.start('publishing.yaml').wait(60, or_waiting=True); print('waits', flush=True); input()"
    owner = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None and owner.stdout.readline() == "waits\n"
    owner.kill()
    owner.communicate()
    listed = json.loads(said("approvals", "--json")[1])
    assert [(one["node"], one["title"]) for one in listed] == [("review", "Publish 3 rows?")]
    other = terminals.open("approve", "review", "--set", "amount=7", "--set", "note=12", "-m", "from home")
    out, err = other.communicate(timeout=60)
    assert (other.returncode, err) == (0, "") and "`yamlflow resume " in out
    code_, out, _ = said("resume")
    assert code_ == 0 and "outputs: m = 70, note = 12" in out, "a text field keeps the text that was typed"
    assert said("store", "verify")[:2] == (0, "1 decisions, none changed since\n")


def test_approved_in_another_terminal_the_run_goes_on_where_it_is_driven(terminals: Terminals, said: Said) -> None:
    (terminals.folder / "publishing.yaml").write_text(TEXT, encoding="utf-8")
    code = (
        "import yamlflow_nb as yf\n"
        "e = yf.start('publishing.yaml').wait(60, or_waiting=True)\n"
        "print(e.id, flush=True)\n"
        "print(e.wait(60).outputs)"
    )
    owner = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None and owner.stdout.readline()
    code_, _, err = said("approve")
    assert code_ == 0, err
    assert "'m': 20" in owner.communicate(timeout=60)[0]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["approve", "review", "--set", "amount=much"], 2, "YF744: the field `amount` of `review` should be integer"),
        (["approve", "load"], 2, "YF740: `load` is no approval"),
        (["approve", "publish"], 2, "YF740: `publish` is no approval"),
        (["approve", "nosuch"], 2, "no approval `nosuch` waits"),
        (["approve", "review", "--action", "maybe"], 2, "YF745: `review` has no action `maybe`"),
        (["approve", "review", "--action", "reject"], 2, "YF745: the action `reject` of `review` rejects"),
        (["approve", "review", "--shown", "0123456789abcdef"], 2, "YF743: what `review` asks has changed since it was shown"),
        (["reject", "review", "-m", "x" * 5000], 2, "YF744: a comment has at most 4096 bytes"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(asked: str, said: Said, words: list[str], code: int, told: str) -> None:
    found = said(*words)
    assert found[0] == code and told in found[2]
    as_json = said(*words, "--json")
    assert told.partition(":")[0].strip() in as_json[1] or "YF7" in as_json[1]


def test_rejected_the_run_fails_and_a_later_decision_is_shown_the_first(asked: str, said: Said) -> None:
    assert said("reject", "-m", "too many", asked)[0] == 0
    code, _, err = said("approve", "review", asked)
    assert code == 2 and "YF741: `review` is decided already: reject by" in err and "too many" in err
    code, out, _ = said("resume", asked)
    assert code == 1 and "rejected by" in out
    assert said("approve", asked)[0] == 2
