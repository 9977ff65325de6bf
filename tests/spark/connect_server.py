"""A real Spark Connect server in a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from urllib.request import urlopen

from yamlflow_nb.executors.spark.java import find_java, home_for_spark

_STARTED = re.compile(r"Spark Connect server started at: \S*:(\d+)")
_PAGE = re.compile(r"service 'SparkUI' on port (\d+)")


class ConnectServer:
    """Started and answering when it is made."""

    def __init__(self, folder: Path) -> None:
        java, spec = find_java(), find_spec("pyspark")
        assert java is not None and spec is not None and spec.submodule_search_locations
        submit = Path(spec.submodule_search_locations[0]) / "bin" / "spark-submit"
        settings = {
            "spark.connect.grpc.binding.port": "0",
            "spark.connect.grpc.binding.address": "127.0.0.1",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.ui.port": "0",
            "spark.sql.warehouse.dir": str(folder / "warehouse"),
        }
        words = [str(submit), "--class", "org.apache.spark.sql.connect.service.SparkConnectServer"]
        words += [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")]
        environment = {**os.environ, "JAVA_HOME": str(home_for_spark(java, folder)), "SPARK_LOCAL_IP": "127.0.0.1"}
        self.log = folder / "server.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*words, "spark-internal"], env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.url = f"sc://127.0.0.1:{self._port()}"

    def _port(self) -> int:
        deadline = time.monotonic() + 200
        while time.monotonic() < deadline and self._process.poll() is None:
            found = _STARTED.search(self.log.read_text(errors="replace"))
            if found is not None:
                return int(found[1])
            time.sleep(0.1)
        self.kill()
        raise AssertionError(self.log.read_text(errors="replace")[-4000:])

    def running_jobs(self) -> int:
        """As the server's own page says."""
        found = _PAGE.search(self.log.read_text(errors="replace"))
        assert found is not None
        address = f"http://127.0.0.1:{found[1]}/api/v1/applications"
        with urlopen(address) as answer:
            application = json.load(answer)[0]["id"]
        with urlopen(f"{address}/{application}/jobs?status=running") as answer:
            return len(json.load(answer))

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
