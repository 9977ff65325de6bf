"""A package with a task type of its own: built, installed, run; and what becomes of one that does not fit."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "plugin"


def called(*words: str, cwd: Path, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    found = {"PYTHONPATH": str(path)} if path is not None else {}
    return subprocess.run(words, cwd=cwd, capture_output=True, text=True, env={**os.environ, **found}, timeout=100)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the example was installed, as pip installs a wheel that hatchling has built."""
    work = tmp_path_factory.mktemp("plugin")
    shutil.copytree(EXAMPLE, work / "source")
    built = called(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(work), cwd=work / "source")
    assert built.returncode == 0, built.stderr
    [wheel] = work.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(work / "site"), str(wheel)]
    done = called(*pip, cwd=work)
    assert done.returncode == 0, done.stderr
    return work / "site"


def yamlflow(site: Path, *words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return called(sys.executable, "-c", "from yamlflow_nb.cli import main; main()", *words, cwd=cwd, path=site)


def test_the_example_runs_when_it_is_installed(site: Path, tmp_path: Path) -> None:
    store = str(tmp_path / "store.db")
    ran = yamlflow(site, "run", str(EXAMPLE / "weather.pipeline.yaml"), "--json", "--store", store, cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert json.loads(ran.stdout)["outputs"]["missing"] == {"degrees": 1}
    [page] = [path.read_text(encoding="utf-8") for path in (tmp_path / "artifacts").rglob("*.html")]
    assert "<h1>Weather in Berlin</h1>" in page and "3 rows, 2 columns" in page


def test_its_model_becomes_list_text_page_and_schema(site: Path, tmp_path: Path) -> None:
    listed = yamlflow(site, "tasks", cwd=tmp_path).stdout
    assert "profile      Writes one page about a table" in listed and "(yamlflow-profile 0.1.0)" in listed
    assert "cannot run yet" not in next(line for line in listed.splitlines() if line.startswith("profile"))
    told = yamlflow(site, "tasks", "profile", cwd=tmp_path).stdout
    assert "stands above the page" in told and "outputs: report (file), rows (integer)" in told
    page = yamlflow(site, "tasks", "profile", "--docs", cwd=tmp_path).stdout
    assert '| `heading` | string | `"Profile"` | stands above the page |' in page
    fields = json.loads(yamlflow(site, "tasks", "profile", "--json", cwd=tmp_path).stdout)["profile"]["fields"]
    assert fields["properties"]["most"]["maximum"] == 1000
    schema = json.loads(yamlflow(site, "schema", cwd=tmp_path).stdout)
    assert "most" in schema["$defs"]["type_profile"]["properties"]


def test_its_mistakes_are_found_before_a_run_as_those_of_our_types(site: Path, tmp_path: Path) -> None:
    text = (EXAMPLE / "weather.pipeline.yaml").read_text(encoding="utf-8")
    wrong = text.replace("    heading:", "    headng:").replace("{{ look.missing }}", "{{ look.mising }}")
    (tmp_path / "wrong.yaml").write_text(wrong.replace("type: profile", "type: profile\n    most: many"), encoding="utf-8")
    told = yamlflow(site, "validate", "wrong.yaml", cwd=tmp_path)
    assert told.returncode == 2
    said = told.stdout + told.stderr
    assert "did you mean `heading`?" in said and "wrong.yaml:11:" in said, said
    assert "`look` has no output `mising`" in said and "did you mean `missing`?" in said


def test_it_is_unknown_where_it_is_not_installed(tmp_path: Path) -> None:
    told = called(sys.executable, "-c", "from yamlflow_nb.cli import main; main()", "tasks", "profile", cwd=tmp_path)
    assert told.returncode == 2 and "YF760" in told.stderr and "Traceback" not in told.stderr


# --- one that does not fit ------------------------------------------------------------------------------------------

CLASS = """
from yamlflow_nb.plugins import TaskFields, TaskType
class Fields(TaskFields):
    {field}: str = ""
class Executor:
    api = {api}
    task_type = TaskType(name="{name}", fields=Fields, summary="Does little.")
    def __init__(self): {made}
    def execute(self, work): return {{"secret": work.secret("api")}}
"""


def installed(folder: Path, name: str = "little", value: str = "little_plugin:Executor", **changes: Any) -> Path:
    """A plugin as it lies in a site: a module, and what its package tells of it."""
    fitting = {"field": "words", "api": 1, "name": name, "made": "pass"}
    (folder / "little_plugin.py").write_text(CLASS.format(**{**fitting, **changes}))
    told = folder / "little_plugin-2.1.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: little-plugin\nVersion: 2.1\n")
    (told / "entry_points.txt").write_text(f"[yamlflow_nb.executors]\n{name} = {value}\n")
    return folder


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"api": 2}, "little-plugin 2.1 was made for `api = 2` of plugins, yamlflow_nb 0.1.0 has `api = 1`"),
        ({"api": None}, "little-plugin 2.1 says for no `api` of plugins"),
        ({"field": "timeout"}, "may not have the fields `timeout`"),
        ({"value": "little_plugin:Gone"}, "has no attribute 'Gone'"),
        ({"value": "little_plugin:Fields"}, "says for no `api`"),
        ({"value": "little_plugin"}, "names the executor's class"),
        ({"name": "sql"}, "there is another type `sql` already"),
    ],
)
def test_one_that_does_not_fit_is_told_and_left_out(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    site = installed(tmp_path, **changes)
    told = yamlflow(site, "tasks", cwd=tmp_path)
    assert told.returncode == 0 and why in told.stderr and "Traceback" not in told.stderr
    assert "little" not in told.stdout and "sql          Runs a query" in told.stdout


def test_a_pipeline_that_names_one_that_does_not_fit_is_told_why(tmp_path: Path) -> None:
    site = installed(tmp_path, api=2)
    (tmp_path / "p.yaml").write_text("name: p\nnodes: [{id: a, type: little}]\n")
    told = yamlflow(site, "validate", "p.yaml", cwd=tmp_path)
    assert told.returncode == 2 and "there is no task type `little`" in told.stdout + told.stderr
    assert "was made for `api = 2`" in told.stdout + told.stderr
    (tmp_path / "q.yaml").write_text("name: q\nnodes: [{id: a, type: python, code: pass}]\n")
    assert yamlflow(site, "run", "q.yaml", "--store", "store.db", cwd=tmp_path).returncode == 0


def test_doctor_names_one_that_does_not_fit(tmp_path: Path) -> None:
    told = yamlflow(installed(tmp_path, api=2), "doctor", "--store", "store.db", cwd=tmp_path)
    assert "was made for `api = 2`" in told.stdout and "left out" in told.stdout


def test_a_class_that_cannot_be_made_fails_its_node_and_no_other(tmp_path: Path) -> None:
    site = installed(tmp_path, made="raise RuntimeError('no licence')")
    (tmp_path / "p.yaml").write_text("name: p\nnodes: [{id: a, type: little}, {id: b, type: python, code: pass}]\n")
    told = yamlflow(site, "run", "p.yaml", "--store", "store.db", cwd=tmp_path)
    assert told.returncode == 1 and "no licence" in told.stdout and "✓ b" in told.stdout


def test_a_value_that_does_not_fit_the_model_fails_the_node_by_name(site: Path, tmp_path: Path) -> None:
    text = (EXAMPLE / "weather.pipeline.yaml").read_text(encoding="utf-8")
    (tmp_path / "p.yaml").write_text(text.replace("type: profile", 'type: profile\n    most: "{{ measured.row_count * 1000 }}"'))
    told = yamlflow(site, "run", "p.yaml", "--store", "store.db", cwd=tmp_path)
    assert told.returncode == 1 and "`most`: Input should be less than or equal to 1000" in told.stdout, told.stdout


@pytest.mark.trust("B20")
def test_a_plugins_secrets_are_found_and_masked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YAMLFLOW_SECRET_API", "canary-7f3a-9b21")
    site = installed(tmp_path)
    (tmp_path / "p.yaml").write_text("name: p\nnodes: [{id: a, type: little}]\n")
    told = yamlflow(site, "run", "p.yaml", "--json", "--store", "state/store.db", cwd=tmp_path)
    assert told.returncode == 0, told.stdout + told.stderr
    written = b"".join(path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file())
    assert b"canary-7f3a-9b21" not in written and "canary-7f3a-9b21" not in told.stdout
