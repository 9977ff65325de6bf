"""The documentation tells what the program does: generated pages are fresh, samples hold, links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from docs.generate import HERE, PAGES
from yamlflow_nb.domain.error_codes import all_codes
from yamlflow_nb.testing import simulate, validate

ROOT = Path(__file__).resolve().parent.parent
WRITTEN = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!`)\]\(([^)#:\s]+)(#[^)]*)?\)")


def fences(path: Path, language: str) -> list[str]:
    return [body for kind, body in _FENCE.findall(path.read_text(encoding="utf-8")) if kind == language]


def pipelines() -> list[tuple[str, str]]:
    """Every whole pipeline that a page shows."""
    shown = [(str(page.relative_to(ROOT)), body) for page in WRITTEN if page.name != "errors.md" for body in fences(page, "yaml")]
    texts = [(name, body.split("\n", 1)[1] if body.startswith("%%pipeline") else body) for name, body in shown]
    return [(f"{name}:{number}", body) for number, (name, body) in enumerate(texts) if "\nname:" in body and "\nnodes:" in body]


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_generated_page_is_as_make_docs_writes_it(name):
    assert (HERE / name).read_text(encoding="utf-8") == PAGES[name](), "run `make docs`"


def test_every_error_code_says_what_it_is_why_and_what_to_do():
    bare = [code for code, row in all_codes().items() if not (row.title and row.why and (row.remedy or row.example))]
    assert bare == []


def test_every_error_code_has_its_section():
    page = (HERE / "errors.md").read_text(encoding="utf-8")
    assert [code for code in all_codes() if f"## {code}: " not in page] == []


@pytest.mark.parametrize(("place", "text"), pipelines(), ids=lambda value: value if len(value) < 60 else "text")
def test_a_pipeline_that_a_page_shows_is_valid(place, text):
    assert [finding.render() for finding in validate(text) if finding.severity == "error"] == []


def test_the_first_pipeline_branches_as_the_page_says():
    text = dict(pipelines())[next(place for place, _ in pipelines() if "first-pipeline" in place)]
    quiet = simulate(text, outcomes={"load": {"state": "completed", "outputs": {"total": 18, "rows": []}}})
    busy = simulate(text, outcomes={"load": {"state": "completed", "outputs": {"total": 27, "rows": []}}})
    assert (quiet.nodes["relax"].state, quiet.nodes["alarm"].state) == ("completed", "skipped")
    assert (busy.nodes["relax"].state, busy.nodes["alarm"].state) == ("skipped", "completed")


def test_page_one_states_the_join_rule_and_that_a_handled_failure_is_a_failure():
    page = (ROOT / "docs/start/first-pipeline.md").read_text(encoding="utf-8")
    assert "The join rule is what the expression says, and nothing else" in page
    assert "A handled failure is still a failure" in page and "onFailure: ignore" in page


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_link_leads_to_a_file_that_is_there(page):
    links = [target for target, _ in _LINK.findall(page.read_text(encoding="utf-8")) if not target.startswith("http")]
    assert [target for target in links if not (page.parent / target).exists()] == []


def make_targets() -> set[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)[1].split())


def test_every_make_target_is_in_help():
    helped = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert helped == make_targets()


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_only_make_targets_that_exist(page):
    named = re.findall(r"\bmake ([a-z]+(?:-[a-z]+)*)", " ".join(re.findall(r"`([^`]+)`", page.read_text(encoding="utf-8"))))
    assert set(named) <= make_targets()


def test_the_readmes_first_screen_is_a_pipeline_a_picture_and_two_commands():
    first = "\n".join((ROOT / "README.md").read_text(encoding="utf-8").splitlines()[:60])
    assert "```yaml" in first and "docs/img/" in first
    assert "make demo" in first and "make test" in first


def test_ci_runs_what_a_developer_runs():
    assert "make test" in (ROOT / ".ci/run").read_text(encoding="utf-8")


# --- samples run ----------------------------------------------------------------------------------------------------

FLIGHTS = ROOT / "examples/flights/flights.pipeline.yaml"


@pytest.fixture
def beside_the_flights(tmp_path, monkeypatch):
    """A folder with the files that the guides speak of."""
    monkeypatch.setenv("YAMLFLOW_STORE", str(tmp_path / "store.db"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flights.pipeline.yaml").write_text(FLIGHTS.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "outcomes.json").write_text("{}")
    first = fences(ROOT / "docs/start/first-pipeline.md", "yaml")[0]
    (tmp_path / "morning.pipeline.yaml").write_text(first, encoding="utf-8")
    return tmp_path


def python_samples():
    return [(str(page.relative_to(ROOT)), code) for page in WRITTEN for code in fences(page, "python") if "%" not in code]


@pytest.mark.parametrize(("place", "code"), python_samples(), ids=lambda value: value if value.endswith(".md") else "code")
def test_python_that_a_page_shows_runs(beside_the_flights, place, code):
    exec(compile(code, place, "exec"), {"text": FLIGHTS.read_text(encoding="utf-8"), "__name__": "sample"})


TERMINAL = ROOT / "docs/guides/from-the-terminal.md"


def shown_commands(page):
    lines = (line for body in fences(page, "console") for line in body.splitlines())
    return [shlex.split(line.removeprefix("$ "), comments=True) for line in lines if line.startswith("$ yamlflow")]


def commands():
    pages = [page for page in WRITTEN if page != TERMINAL]
    return [(str(page.relative_to(ROOT)), words) for page in pages for words in shown_commands(page)]


@pytest.mark.parametrize(("page", "words"), commands(), ids=lambda value: " ".join(value) if isinstance(value, list) else value)
def test_a_command_that_a_page_shows_is_one(beside_the_flights, capsys, page, words):
    from yamlflow_nb.cli import main

    if words[1] in ("show", "why"):
        with pytest.raises(SystemExit):
            main(["run", "morning.pipeline.yaml"])
    with pytest.raises(SystemExit) as ended:
        main(words[1:])
    told = capsys.readouterr()
    assert ended.value.code in ((1, 0) if words[1] == "simulate" else (0,)), told.err


def test_the_commands_of_the_terminals_page_work_one_after_the_other(tmp_path, monkeypatch, capsys):
    from yamlflow_nb.cli import main

    monkeypatch.setenv("YAMLFLOW_STORE", str(tmp_path / "state" / "store.db"))
    monkeypatch.chdir(tmp_path)
    shown = shown_commands(TERMINAL)
    assert len(shown) > 15
    for words in shown:
        with pytest.raises(SystemExit) as ended:
            main(words[1:])
        told = capsys.readouterr()
        assert ended.value.code == 0, (words, told.err)
        assert told.out, words


def inline_commands():
    texts = [(page, text) for page in WRITTEN for text in re.findall(r"`(yamlflow [a-z][^`]*)`", page.read_text(encoding="utf-8"))]
    return sorted({(str(page.relative_to(ROOT)), " ".join(text.split())) for page, text in texts})


@pytest.mark.parametrize(("page", "text"), inline_commands())
def test_a_command_that_a_page_speaks_of_can_be_typed(page, text):
    import click

    from yamlflow_nb.cli import command

    words = shlex.split(text.replace("…", "").split("|")[0])[1:]
    found = command
    while isinstance(found, click.Group) and words:
        found = found.get_command(click.Context(found), words.pop(0))
        assert found is not None, text
    named = {option for parameter in found.params for option in parameter.opts}
    assert {word for word in words if word.startswith("-") and word not in ("--help", "-h")} <= named, text


def test_the_finding_that_a_page_shows_is_what_validate_says():
    text = "name: p\nnodes:\n  - id: extract\n    type: python\n    code: pass\n  - id: b\n"
    text += '    type: python\n    startWhen: "event:extrct.completed"\n    code: pass\n'
    from yamlflow_nb.bootstrap import pipelines

    [found] = pipelines().validate(text, "flights.pipeline.yaml")
    assert fences(ROOT / "docs/guides/validate-and-fix.md", "text")[0].rstrip() == found.render()


def test_the_readmes_pipeline_is_that_of_the_example():
    """Shortened, but the same nodes with the same conditions."""
    import yaml

    shown = yaml.safe_load(fences(ROOT / "README.md", "yaml")[0])["nodes"]
    real = {node["id"]: node for node in yaml.safe_load(FLIGHTS.read_text(encoding="utf-8"))["nodes"]}
    for node in shown:
        assert node["type"] == real[node["id"]]["type"] and "file" not in node
        assert node["inputBindings"] == real[node["id"]]["inputBindings"]
        assert set(node) - {"query"} <= set(real[node["id"]])


def test_every_option_of_the_cell_is_on_its_page():
    page = (HERE / "cells.md").read_text(encoding="utf-8")
    assert all(option in page for option in ("--input", "--inputs", "--wait", "--dry-run", "--store", "list", "show", "why"))
