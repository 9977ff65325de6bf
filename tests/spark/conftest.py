"""Spark for these tests: small, quick to start, and on the Java that comes from PyPI, whatever this machine has."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.executors.running import Folder
from tests.spark.connect_server import ConnectServer
from yamlflow_nb.services.execution import Execution

_LONG = 280
"""Seconds. To start a Java process takes five, and a minute on a machine that is busy with other things."""

_DEFAULTS = """\
spark.master                     local[2]
spark.driver.memory              1g
spark.driver.maxResultSize       1m
spark.driver.extraJavaOptions    -XX:+UseSerialGC -XX:TieredStopAtLevel=1
spark.sql.shuffle.partitions     2
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(_LONG + 20))


class SparkFolder(Folder):
    """A pipeline's folder whose runs are given the time that Spark needs."""

    def run(self, text: str, **options: Any) -> Execution:
        return self.start(text, **options).wait(_LONG)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    made = SparkFolder(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="session", autouse=True)
def _spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Spark's own file of defaults, and a `java` on the PATH that is none."""
    home = tmp_path_factory.mktemp("spark")
    (home / "spark-defaults.conf").write_text(_DEFAULTS)
    broken = home / "bin" / "java"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_CONF_DIR", str(home))
        patch.setenv("PATH", f"{broken.parent}{os.pathsep}{os.environ['PATH']}")
        for name in ("JAVA_HOME", "SPARK_HOME", "SPARK_REMOTE", "MASTER", "PYSPARK_SUBMIT_ARGS"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, _spark: None) -> Iterator[ConnectServer]:
    made = ConnectServer(Path(tmp_path_factory.mktemp("connect")))
    yield made
    made.kill()
