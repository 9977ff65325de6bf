"""Runs that are left, killed, paused, cancelled and taken up again, from one terminal and from another."""

from __future__ import annotations

import json
import signal

import pytest

from tests.cli.conftest import Said, Terminals

FLAKY = """\
name: flaky
nodes:
  - {id: load, type: python, code: "n = 1", outputs: {n: integer}}
  - {id: fetch, type: python, code: "open('there').close()", startWhen: "event:load.completed"}
  - {id: after, type: python, code: "print('after')", startWhen: "event:fetch.completed"}
"""
WAITS = """\
name: waits
nodes:
  - {id: gate, type: wait, event: custom.go}
  - {id: after, type: python, code: "print(rows)", inputBindings: {rows: "{{ custom.go.rows }}"}, startWhen: "event:custom.go"}
  - {id: early, type: python, code: pass, startWhen: "event:custom.go"}
outputs: {rows: "{{ custom.go.rows }}"}
"""


@pytest.fixture
def flaky(place):
    text = FLAKY.replace("'there'", repr(str(place / "there")).replace('"', ""))
    (place / "flaky.yaml").write_text(text, encoding="utf-8")
    return place / "there"


def killed(terminals: Terminals, name: str = "held") -> None:
    """A run whose process died with a node at work."""
    run = terminals.run(name)
    run.kill()
    run.wait()


# --- Ctrl-C and kill ------------------------------------------------------------------------------------------------


@pytest.mark.trust("F5")
def test_ctrl_c_leaves_the_run_interrupted_and_resume_repeats_nothing_that_had_completed(terminals: Terminals, said: Said) -> None:
    run = terminals.run()
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=30)
    assert run.returncode == 130 and "held: interrupted" in out and "failed" not in out
    assert "yamlflow resume" in err and "Traceback" not in out + err
    assert "interrupted" in said("list")[1]
    resumed = terminals.open("resume")
    terminals.begun()
    terminals.let_go()
    out, _ = resumed.communicate(timeout=30)
    assert resumed.returncode == 0 and "held: completed" in out
    assert terminals.ledger() == ["load", "hold", "hold", "tidy"]


@pytest.mark.trust("F5")
def test_a_second_ctrl_c_ends_at_once_and_what_was_committed_is_there(terminals: Terminals, said: Said) -> None:
    run = terminals.run()
    for _ in range(2):
        run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=30)
    assert run.returncode == 130 and "Traceback" not in err
    code, out, _ = said("show")
    assert code == 130 and "held: interrupted" in out and "✓ load" in out
    assert said("cancel")[0] == 0 and terminals.ledger() == ["load", "hold", "tidy"]


def test_cancel_ends_a_run_whose_process_was_killed_with_its_clean_up_and_starts_nothing_anew(
    terminals: Terminals, said: Said
) -> None:
    killed(terminals)
    code, out, _ = said("cancel")
    assert code == 0 and "held: cancelled" in out and "■ hold" in out and "✓ tidy" in out
    assert terminals.ledger() == ["load", "hold", "tidy"]


def test_cancel_now_leaves_out_the_clean_up_too(terminals: Terminals, said: Said) -> None:
    killed(terminals)
    assert said("cancel", "--now")[0] == 0
    assert terminals.ledger() == ["load", "hold"]


def test_of_several_interrupted_runs_resume_names_them_and_takes_none(terminals: Terminals, said: Said) -> None:
    killed(terminals, "first")
    killed(terminals, "second")
    code, out, err = said("resume")
    assert (code, out) == (2, "") and "error YF726: " in err and "first" in err and "second" in err
    assert said("list")[1].count("interrupted") == 2
    told = json.loads(said("resume", "--json")[1])
    assert told["diagnostics"][0]["code"] == "YF726"


# --- from another terminal ------------------------------------------------------------------------------------------


def test_cancel_from_another_terminal_ends_the_run_there(terminals: Terminals, said: Said) -> None:
    run = terminals.run()
    assert said("cancel")[0] == 0
    out, _ = run.communicate(timeout=30)
    assert run.returncode == 1 and "held: cancelled" in out and "✓ tidy" in out


def test_a_paused_run_stays_takes_another_value_and_goes_on_where_it_runs(terminals: Terminals, said: Said) -> None:
    run = terminals.run()
    assert "error YF732" in said("set-variable", "load.n=9")[2]
    assert "held: paused" in said("pause")[1]
    assert "YF728" in said("set-variable", "load.n=many")[2] and "YF728" in said("set-variable", "hold.n=1")[2]
    assert "YF728" in said("set-variable", "n=1")[2] and "YF431" in said("set-variable", "pipeline.input.n=1")[2]
    assert "YF712" in said("set-variable", "load.n")[2]
    assert said("set-variable", "load.n=9")[0] == 0
    terminals.let_go()
    assert said("resume")[0] == 0
    assert run.wait(30) == 0
    assert "after.m = 9" in said("vars")[1]


def test_skip_leaves_out_a_node_that_has_not_started_and_only_such_a_one(terminals: Terminals, said: Said) -> None:
    run = terminals.run()
    assert "YF727" in said("skip", "load")[2] and "did you mean `after`?" in said("skip", "aftr")[2]
    assert said("skip", "after")[0] == 0
    terminals.let_go()
    out, _ = run.communicate(timeout=30)
    assert run.returncode == 0 and "after  skipped (manual)" in out


def test_logs_are_followed_while_the_task_works_in_another_terminal(terminals: Terminals, said: Said) -> None:
    more = "  - {id: talks, type: python, code: \"print('one'); print('two')\", startWhen: 'event:hold.completed'}\n"
    run = terminals.run(more=more)
    follows = terminals.open("logs", "talks", "--follow", "--json")
    terminals.let_go()
    out, err = follows.communicate(timeout=30)
    assert [json.loads(line)["text"] for line in out.splitlines()] == ["one", "two"], err
    assert run.wait(30) == 0


def test_without_a_node_all_logs_are_followed_side_by_side(terminals: Terminals, said: Said) -> None:
    more = "  - {id: talks, type: python, code: print('meanwhile'), startWhen: 'event:load.completed'}\n"
    run = terminals.run(more=more)
    follows = terminals.open("logs", "--follow")
    assert "talks  meanwhile" in follows.stdout.readline()  # while `hold`, which stands before it, is at work
    terminals.let_go()
    follows.communicate(timeout=30)
    assert (follows.returncode, run.wait(30)) == (0, 0)


# --- retry ----------------------------------------------------------------------------------------------------------


def test_retry_runs_what_failed_and_what_hung_on_it_and_keeps_the_rest(flaky, said: Said) -> None:
    assert said("run", "flaky.yaml")[0] == 1
    flaky.touch()
    code, out, _ = said("retry")
    assert code == 0 and "✓ after" in out
    rounds = [event for event in json.loads(said("events", "--json")[1]) if event["type"] == "load.started"]
    assert len(rounds) == 1 and "after" in said("logs", "after")[1]


def test_retry_names_nodes_and_takes_a_completed_one_only_when_it_is_asked_to(flaky, said: Said) -> None:
    assert said("run", "flaky.yaml")[0] == 1
    assert "YF727" in said("retry", "load")[2] and "did you mean `load`?" in said("retry", "laod")[2]
    flaky.touch()
    assert said("retry", "fetch", "--with", "load")[0] == 0
    code, _, err = said("retry")
    assert code == 2 and "YF732" in err
    assert said("retry", "--with", "load")[0] == 0
    events = json.loads(said("events", "--json")[1])
    assert [event["round"] for event in events if event["type"] == "load.started"] == [1, 2, 3]


def test_retry_takes_the_items_that_failed_also_of_a_node_that_completed(place, said: Said) -> None:
    bad = str(place / "there")
    text = f"""\
name: each
nodes:
  - id: all
    type: python
    code: |
        import os
        x = 1 if item != 2 or os.path.exists({bad!r}) else 1 / 0
    inputBindings: {{item: "{{{{ item }}}}"}}
    forEach: "{{{{ range(0, 4) }}}}"
    onItemFailure: continue
    outputs: {{x: integer}}
"""
    (place / "each.yaml").write_text(text)
    assert said("run", "each.yaml")[0] == 0
    (place / "there").touch()
    code, out, _ = said("retry", "--items", "failed")
    assert code == 0 and "4 of 4 items" in out
    code, _, err = said("retry", "--items", "failed")
    assert code == 2 and "YF727" in err


def test_a_round_that_was_killed_is_resumed_like_any_other(terminals: Terminals, said: Said) -> None:
    run = terminals.run()
    assert said("cancel")[0] == 0
    run.communicate(timeout=30)
    again = terminals.open("retry")
    terminals.begun()
    again.kill()
    again.wait()
    resumed = terminals.open("resume")
    terminals.begun()
    terminals.let_go()
    out, err = resumed.communicate(timeout=30)
    assert resumed.returncode == 0 and "held: completed" in out, err
    assert terminals.ledger() == ["load", "hold", "tidy", "hold", "hold", "tidy"]


def test_retry_of_a_run_that_goes_on_is_refused(terminals: Terminals, said: Said) -> None:
    terminals.run()
    code, _, err = said("retry")
    assert code == 2 and "YF732" in err
    name = json.loads(said("list", "--json")[1])[0]["id"]
    assert "has not ended" in said("retry", name)[2]


# --- events ---------------------------------------------------------------------------------------------------------


def test_a_run_that_waits_returns_3_and_goes_on_where_the_event_is_sent(place, said: Said) -> None:
    (place / "waits.yaml").write_text(WAITS)
    code, out, err = said("run", "waits.yaml")
    assert code == 3 and "waiting for custom.go" in out and "yamlflow event send go" in err
    code, out, _ = said("event", "send", "go", "--data", "rows=3")
    assert code == 0 and "waits: completed" in out and "rows = 3" in out


def test_an_event_reaches_all_runs_of_a_pipeline_that_were_started_with_an_input(place, said: Said) -> None:
    (place / "waits.yaml").write_text(WAITS.replace("nodes:", "inputVariables: {month: {type: integer}}\nnodes:", 1))
    for month in (2, 3, 3):
        assert said("run", "waits.yaml", "--input", f"month={month}")[0] == 3
    assert "YF732" in said("event", "send", "go", "--pipeline", "waits", "--where", "month=4")[2]
    assert "Usage" in said("event", "send", "go", "--where", "month=4")[2]
    code, out, _ = said("event", "send", "go", "--pipeline", "waits", "--where", "month=3", "-d", "rows=1")
    assert code == 0 and out.count("waits: completed") == 2
    assert [one["status"] for one in json.loads(said("list", "--json")[1])].count("completed") == 2


@pytest.mark.parametrize(("arguments", "wanted"), [("Go!", "YF709"), ("go -d rows", "YF712"), ("go nosuch", "YF701")])
def test_an_event_that_cannot_be_sent_is_told(place, said: Said, arguments, wanted) -> None:
    (place / "waits.yaml").write_text(WAITS)
    said("run", "waits.yaml")
    code, _, err = said("event", "send", *arguments.split())
    assert code == 2 and f"error {wanted}: " in err


# --- which one ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["resume", "cancel", "pause", "retry", "skip a", "set-variable a.n=1", "event send go"])
def test_a_verb_that_fits_no_run_says_so(place, said: Said, verb: str) -> None:
    code, _, err = said(*verb.split())
    assert code == 2 and "error YF701: there are no executions yet" in err
    (place / "one.yaml").write_text("name: one\nnodes: [{id: a, type: python, code: pass}]\n")
    said("run", "one.yaml")
    code, _, err = said(*verb.split())
    assert code == 2 and "error YF732: " in err and "is completed" in err


def test_the_list_shows_the_runs_of_this_project_and_all_on_demand(place, said: Said, monkeypatch) -> None:
    for name in ("here", "there"):
        (place / name).mkdir()
        (place / name / f"{name}.yaml").write_text(f"name: {name}\nnodes: [{{id: a, type: python, code: pass}}]\n")
        said("run", f"{name}/{name}.yaml")
    assert "none of this project: yamlflow list --all" in said("list")[1]
    monkeypatch.chdir(place / "here")
    out = said("list")[1]
    assert "here" in out and "there" not in out.replace(str(place), "")
    assert "there" in said("list", "--all")[1]


def test_an_event_for_a_run_whose_process_was_killed_is_kept_until_it_is_resumed(terminals: Terminals, said: Said) -> None:
    killed(terminals)
    for _ in range(2):
        code, _, err = said("event", "send", "data", "--payload", '{"rows": 3}', "--data", "by=Ann", "--key", "delivery-7")
        assert code == 0 and "the event is kept" in err and "yamlflow resume" in err
    resumed = terminals.open("resume")
    terminals.begun()
    terminals.let_go()
    resumed.communicate(timeout=30)
    events = json.loads(said("events", "--json")[1])
    assert [event["payload"]["rows"] for event in events if event["type"] == "custom.data"] == [3]


@pytest.mark.parametrize("payload", ["rows: 3", "[3]"])
def test_a_payload_is_one_json_object(said: Said, payload: str) -> None:
    code, _, err = said("event", "send", "data", "--payload", payload)
    assert code == 2 and "--payload" in err and "Traceback" not in err
