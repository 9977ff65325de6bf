"""The command: what it prints, what it returns, and that a user's mistake is told in words, in JSON under ``--json``."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from yamlflow_nb.cli import main

GOOD = """\
name: sums
inputVariables: {n: {type: integer, default: 3, minimum: 1}}
nodes:
  - {id: load, type: python, code: "square = n * n", inputBindings: {n: "{{ pipeline.input.n }}"}, outputs: {square: integer}}
  - {id: big, type: python, code: pass, startWhen: "event:load.completed && {{ load.square > 100 }}"}
outputs: {square: "{{ load.square }}"}
"""
TYPO = GOOD.replace("event:load.completed", "event:laod.completed")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("YAMLFLOW_STORE", str(tmp_path / "state" / "store.db"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.yaml").write_text(GOOD, encoding="utf-8")
    (tmp_path / "typo.yaml").write_text(TYPO, encoding="utf-8")
    return tmp_path


@pytest.fixture
def said(capsys):
    """Calls the command; gives exit code, standard output and standard error."""

    def call(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return int(ended.value.code or 0), out, err

    return call


def test_a_run_is_shown_as_a_tree_with_the_reason_of_what_was_skipped(said):
    code, out, err = said("run", "p.yaml", "--input", "n=4")
    assert (code, err) == (0, "")
    assert "✓ load" in out and "big   skipped (unsatisfied)" in out and "{{ load.square > 100 }} is false" in out
    assert "square = 16" in out


def test_what_ran_is_listed_shown_explained_and_its_values_and_history_printed(said):
    said("run", "p.yaml")
    assert "sums" in said("list")[1]
    assert "✓ load" in said("show")[1]
    assert "is false" in said("why", "big")[1]
    assert "load.square = 9" in said("vars")[1]
    assert "pipeline.completed" in said("events")[1]


@pytest.mark.parametrize("verb", ["list", "show", "vars", "events", "why big", "tasks", "schema", "plan p.yaml", "simulate p.yaml"])
def test_every_verb_speaks_json(said, verb):
    said("run", "p.yaml")
    assert json.loads(said(*verb.split(), "--json")[1])


@pytest.mark.parametrize("verb", ["run p.yaml", "show"])
def test_outputs_in_json_are_values_not_texts(said, verb):
    said("run", "p.yaml")
    told = json.loads(said(*verb.split(), "--json")[1])
    assert told["outputs"] == {"square": 9} and told["nodes"][0]["outputs"] == {"square": 9}


@pytest.mark.parametrize("verb", ["run", "plan", "simulate", "validate"])
def test_a_mistake_in_the_document_is_told_in_the_same_words_by_every_verb(said, verb):
    code, out, err = said(verb, "typo.yaml")
    place = "typo.yaml:5:59: error YF301: there is no node `laod`"
    assert code == 2 and place in out + err
    assert "^" in out + err and "hint: did you mean `load`?" in out + err and "--fix" in out + err


@pytest.mark.parametrize("verb", ["run", "plan", "simulate", "validate"])
def test_a_mistake_in_the_document_is_the_same_in_json(said, verb):
    code, out, err = said(verb, "typo.yaml", "--json")
    told = json.loads(out)
    one = (told if verb == "validate" else told["diagnostics"])[0]
    assert (code, err, one["code"], one["line"], one["column"]) == (2, "", "YF301", 5, 59)
    assert one["fix"]["edits"][0]["text"] == "load"


def test_fix_mends_the_file_and_keeps_its_comments_and_mode(said, folder):
    file = folder / "typo.yaml"
    file.write_text("# mine\n" + TYPO, encoding="utf-8")
    file.chmod(0o640)
    code, out, err = said("validate", "--fix", "typo.yaml")
    assert (code, out.strip()) == (0, "ok") and "mended typo.yaml" in err
    assert file.read_text(encoding="utf-8") == "# mine\n" + GOOD and file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


WRONG_FILES = {"nosuch.yaml": "YF705", ".": "YF705", "bytes.yaml": "YF101", "empty.yaml": "YF105", "closed.yaml": "YF705"}


@pytest.mark.parametrize("verb", ["run", "plan", "simulate", "validate"])
@pytest.mark.parametrize(("name", "wanted"), WRONG_FILES.items())
def test_a_file_that_is_no_pipeline_is_told_with_a_code(said, folder, verb, name, wanted):
    (folder / "bytes.yaml").write_bytes(bytes(range(128, 256)))
    (folder / "empty.yaml").write_text("")
    if name == "closed.yaml":
        if os.geteuid() == 0:  # root reads everything: a folder stands for it
            (folder / name).mkdir()
        else:
            (folder / name).touch(mode=0o000)
    code, out, err = said(verb, name)
    assert code == 2 and f"error {wanted}: " in out + err


INPUTS = {"n=abc": "YF432", "n=0": "YF432", "m=1": "YF431", "n": "YF712", "=1": "YF712"}


@pytest.mark.parametrize(("given", "wanted"), INPUTS.items())
def test_an_input_that_does_not_fit_is_told_with_a_code(said, given, wanted):
    code, out, err = said("run", "p.yaml", "--input", given)
    assert (code, out) == (2, "") and f"error {wanted}: " in err


def test_a_missing_input_is_named(said, folder):
    (folder / "p.yaml").write_text(GOOD.replace("default: 3, ", ""), encoding="utf-8")
    code, _, err = said("run", "p.yaml")
    assert code == 2 and "`n`" in err


NO_STORES = {"postgres://host/db": "YF711", "nosuch/store.db": "YF711", ".": "YF711", "p.yaml": "YF605"}


@pytest.mark.parametrize(("store", "wanted"), NO_STORES.items())
def test_a_store_that_cannot_be_opened_is_told_and_none_is_made_by_looking(said, folder, store, wanted):
    code, out, err = said("list", "--store", store)
    assert (code, out) == (2, "") and f"error {wanted}: " in err
    assert not (folder / "nosuch").exists()


def test_a_store_of_a_folder_that_cannot_be_made_is_told(said, folder):
    code, _, err = said("run", "p.yaml", "--store", "p.yaml/store.db")
    assert code == 2 and "error YF607: " in err


@pytest.mark.parametrize("arguments", [("show", "nosuch"), ("why", "nosuch"), ("vars", "nosuch"), ("events", "nosuch")])
def test_an_unknown_execution_or_node_is_told(said, arguments):
    said("run", "p.yaml")
    code, out, err = said(*arguments)
    assert (code, out) == (2, "") and "error YF70" in err and "hint: " in err


@pytest.mark.parametrize("arguments", [(), ("nosuch",), ("run",), ("list", "--limit", "0"), ("run", "--nosuch", "p.yaml")])
def test_a_wrong_call_says_how_it_is_called(said, arguments):
    code, out, err = said(*arguments)
    assert code == 2 and "Usage: yamlflow" in out + err


# --- simulate and plan ----------------------------------------------------------------------------------------------


def test_a_simulation_takes_outcomes_and_events_and_shows_errors_with_their_place(said, folder):
    (folder / "o.json").write_text('{"load": {"state": "completed", "outputs": {"square": 400}}}')
    code, out, _ = said("simulate", "p.yaml", "--outcomes", "o.json")
    assert code == 0 and "big.completed" in out and "square = 400" in out
    code, out, _ = said("simulate", "p.yaml")
    assert code == 1 and "p.yaml:5:" in out and "--outcomes" in out


def test_a_simulation_sends_events_with_payloads(said, folder):
    (folder / "w.yaml").write_text(
        "name: w\nnodes:\n  - {id: a, type: python, code: pass, startWhen: 'event:custom.go && {{ custom.go.rows > 2 }}'}\n"
    )
    assert said("simulate", "w.yaml")[0] == 3
    code, out, _ = said("simulate", "w.yaml", "--event", "5", 'custom.go={"rows": 3}')
    assert code == 0 and "5.000 s  a.completed" in out
    assert said("simulate", "w.yaml", "--event", "5", "cancel")[0] == 1


@pytest.mark.parametrize("text", ["no json", "[1]", '{"nosuch": {}}', '{"load": {"nosuch": 1}}', '{"load": 3}'])
def test_outcomes_that_are_none_are_told_with_a_code(said, folder, text):
    (folder / "o.json").write_text(text)
    code, out, err = said("simulate", "p.yaml", "--outcomes", "o.json")
    assert (code, out) == (2, "") and "error YF712: " in err


def test_a_plan_is_a_document_that_is_valid_and_its_own_plan(said, folder):
    everything = """\
name: all
version: "1.10"
stopWhen: "event:custom.abort"
timeout: 90m
resources: {pools: {gpu: 1}}
nodes:
  - {id: a, type: python, code: "x = [1]\\ny = 2", outputs: {x: array}, failWhen: {when: "{{ 1 > 5 }}", message: too long}}
  - {id: b, type: python, code: "y = item", forEach: "{{ a.x }}", maxFailed: 10%, inputBindings: {item: "{{ item }}"}}
  - {id: c, type: approval, message: ok?, waitTimeout: 1h, startWhen: "event:b.completed"}
  - {id: d, type: python, code: "z = 1", outputs: {z: integer}, repeat: {until: "{{ d.z > 0 }}", delay: 5s}, startWhen: false}
  - {id: e, type: python, code: pass, startWhen: "event:pipeline.finishing", resources: {slots: 1}, tags: [t], title: "E"}
"""
    (folder / "all.yaml").write_text(everything, encoding="utf-8")
    once = said("plan", "all.yaml")[1]
    (folder / "once.yaml").write_text(once, encoding="utf-8")
    assert said("validate", "once.yaml")[1].strip() == "ok"
    again = said("plan", "once.yaml")[1]
    kept = [line for line in once.splitlines() if not line.startswith("#")]
    assert kept == [line for line in again.splitlines() if not line.startswith("#")]
    assert "version: '1.10'" in once and "message: too long" in once and "code: |-" in once


# --- the process ----------------------------------------------------------------------------------------------------


def process(*arguments: str, **options) -> subprocess.Popen[str]:
    code = [sys.executable, "-c", "from yamlflow_nb.cli import main; main()", *arguments]
    return subprocess.Popen(code, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def test_a_reader_that_has_enough_ends_the_command_quietly(folder, said):
    said("run", "p.yaml")
    with process("schema") as told:
        told.stdout.read(10)
        told.stdout.close()
        assert (told.wait(20), told.stderr.read()) == (0, "")


def test_what_is_piped_holds_no_colour_and_survives_a_narrow_ascii_terminal(folder):
    run = process("run", "p.yaml", env={**os.environ, "COLUMNS": "20", "PYTHONIOENCODING": "ascii", "NO_COLOR": "1"})
    out, err = run.communicate(timeout=30)
    assert (run.returncode, err) == (0, "") and "\x1b" not in out and "completed" in out
