"""A Spark application of this process: one JVM, which all nodes share. Each attempt gets a session of its own on it, so that
views and settings of one node are not those of another."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.executors.process_record import ending
from yamlflow_nb.executors.spark.java import OLDEST, find_java, home_for_spark
from yamlflow_nb.executors.spark.jobs import ApplicationJobs
from yamlflow_nb.executors.spark.wanted import Wanted

_LOG = "spark.log"
_LAST_LINES = 40
_OWN = {"spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS"}
"""Settings of each session unless it says otherwise: Spark's own form of timestamps is one that other readers round."""


class Application:
    """The application that runs in this process, started here or (in a notebook) by the user."""

    kind = "application"

    def __init__(self, context: Any, session: Any, scratch: Path | None) -> None:
        self.users: set[threading.Thread] = set()
        self._context = context
        self._session = session
        self._scratch = scratch
        self._java = getattr(type(context)._gateway, "proc", None)

    @property
    def is_own(self) -> bool:
        """Whether it was started here, and may be ended here."""
        return self._scratch is not None

    @property
    def address(self) -> str | None:
        """Where its page is."""
        found = self._context.uiWebUrl
        return str(found) if found else None

    def fits(self, wanted: Wanted) -> bool:
        """Whether a node may work on it: a setting that the node does not name may be anything."""
        if wanted.remote is not None:
            return False
        settings = dict(self._context.getConf().getAll())
        return all(settings.get(name) == value for name, value in wanted.fixed.items())

    def session(self, wanted: Wanted) -> Any:
        """A session for one attempt, the active one in its thread."""
        session = self._session.newSession()
        for name, value in {**_OWN, **wanted.own}.items():
            session.conf.set(name, value)
        session._jvm.SparkSession.setActiveSession(session._jsparkSession)
        # A program that ends with `spark.stop()` would end the session of every node.
        session.stop = lambda: print("spark.stop() is left out: other nodes share the application")  # noqa: T201
        return session

    def jobs(self, session: Any, work: Work) -> ApplicationJobs:
        """What runs for one attempt."""
        return ApplicationJobs(self._context, work)

    def sees_files_of(self, folder: Path, session: Any) -> bool:
        """Whether what it reads and writes in a folder is what this process finds there."""
        return str(self._context.master).startswith("local")

    def finds_modules_in(self, folder: Path) -> None:
        """Functions that Spark calls in processes of its own may come from modules beside the pipeline."""
        known = [part for part in self._context.environment.get("PYTHONPATH", "").split(os.pathsep) if part]
        if str(folder) not in known:
            self._context.environment["PYTHONPATH"] = os.pathsep.join([*known, str(folder)])

    def release(self, session: Any) -> None:
        """The attempt is over; what it left in its session goes with the session."""

    def died(self) -> str | None:
        """How it ended, in words; None while it lives."""
        try:
            stopped = self._context._jsc is None or self._context._jsc.sc().isStopped()
        except Exception:
            return f"the Java process of Spark died{self._ending()}"
        return "the Spark application was stopped" if stopped else None

    def _ending(self) -> str:
        try:
            # Its connections break before the process has ended.
            return "" if self._java is None else f" ({ending(self._java.wait(10))})"
        except subprocess.TimeoutExpired:
            return ""

    def last_lines(self) -> list[str]:
        """What Java said last."""
        return _last_lines(self._scratch)

    def end(self) -> None:
        """Stop it, so that another can be started. One that the user started is left alone."""
        if self.is_own:
            if self.died() is None:
                self._context.stop()
            self.forget()

    def forget(self) -> None:
        """Take a dead or stopped application out of pyspark's own memory, which would hand it out for ever."""
        if type(self._context)._active_spark_context in (None, self._context):  # else the user has begun another since
            self._context._jsc = None
            self._context.stop()
            _leave_java()
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)


def running_application() -> Application | None:
    """The one that this process has already: in a notebook the user's own."""
    if "pyspark" not in sys.modules:
        return None
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    context = SparkContext._active_spark_context
    if context is None or context._jsc is None:
        return None
    session = SparkSession._instantiatedSession or SparkSession(context)
    return Application(context, session, None)


def started_application(wanted: Wanted, work: Work) -> Application:
    """A new one. Raises ``TaskFailed``."""
    java = find_java()
    if java is None:
        raise TaskFailed(
            "JavaNotFound",
            f"Spark needs Java {OLDEST} or newer, and there is none (JAVA_HOME, PATH): pip install 'yamlflow_nb[spark]' brings one",
        )
    scratch = Path(tempfile.mkdtemp(prefix="yamlflow-spark-"))
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    _leave_java()  # of an application that the user has stopped
    work.log(f"Spark starts on Java {java.version} ({java.origin})")
    try:
        context, session = _started(wanted, home_for_spark(java, scratch), scratch)
    except Exception as error:
        for line in _last_lines(scratch):
            work.log(line)
        shutil.rmtree(scratch, ignore_errors=True)
        told = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise TaskFailed("SparkNotStarted", f"Spark could not be started: {told} (what Java said is in the log)") from None
    return Application(context, session, scratch)


class _Start(dict[str, Any]):
    """How Java is started. pyspark sets ``env`` to a copy of this process's: what Spark alone is to see is added to it there, and
    not in ``os.environ``, where every thread and every other child would see it."""

    def __init__(self, added: Mapping[str, str], **given: Any) -> None:
        super().__init__(**given)
        self._added = added

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, {**value, **self._added} if name == "env" else value)


def _started(wanted: Wanted, java_home: Path, scratch: Path) -> tuple[Any, Any]:
    from pyspark import SparkConf, SparkContext
    from pyspark.java_gateway import launch_gateway
    from pyspark.sql import SparkSession

    conf = SparkConf(loadDefaults=False)
    for name, value in {**_defaults(wanted, scratch), **wanted.fixed}.items():
        conf.set(name, value)
    python = os.environ.get("PYSPARK_PYTHON") or sys.executable
    added = {"JAVA_HOME": str(java_home), "PYSPARK_PYTHON": python}
    if _is_local(wanted):
        added.setdefault("SPARK_LOCAL_IP", os.environ.get("SPARK_LOCAL_IP", "127.0.0.1"))
    with (scratch / _LOG).open("wb") as log:
        # What Java prints belongs into no cell: a kernel shows whatever its children write.
        gateway = launch_gateway(conf, _Start(added, stdout=log, stderr=subprocess.STDOUT))
    try:
        context = SparkContext(conf=conf, gateway=gateway)
        context.pythonExec = python
        session = SparkSession(context)
    except BaseException:
        SparkContext._gateway = SparkContext._jvm = None
        _end(gateway.proc)
        raise
    return context, session


def _defaults(wanted: Wanted, scratch: Path) -> dict[str, str]:
    """Ours where neither the node nor Spark's own file of defaults says anything."""
    found = {"spark.app.name": "yamlflow_nb", "spark.ui.showConsoleProgress": "false"}
    if _is_local(wanted):
        # Reachable from this machine alone.
        found |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
        found |= {"spark.sql.warehouse.dir": (scratch / "warehouse").as_uri()}
        found |= {"spark.master": os.environ.get("MASTER", "local[*]")}
    configured = dict(_configured())
    return {name: value for name, value in found.items() if name not in configured}


def _is_local(wanted: Wanted) -> bool:
    master = wanted.fixed.get("spark.master") or os.environ.get("MASTER") or dict(_configured()).get("spark.master", "local")
    return master.startswith("local")


def _configured() -> Iterator[tuple[str, str]]:
    """The settings of ``spark-defaults.conf``, where a Spark that was set up by others has one."""
    folder = os.environ.get("SPARK_CONF_DIR") or os.path.join(os.environ.get("SPARK_HOME", ""), "conf")
    try:
        lines = (Path(folder) / "spark-defaults.conf").read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        name, _, value = line.strip().replace("=", " ", 1).partition(" ")
        if name.startswith("spark."):
            yield name, value.strip()


def _leave_java() -> None:
    """Let go of the Java process that pyspark holds, if any: it would run the next application, too, dead or not."""
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    gateway, SparkContext._gateway, SparkContext._jvm = SparkContext._gateway, None, None
    SparkSession._instantiatedSession = SparkSession._activeSession = None
    if gateway is not None:
        gateway.shutdown()
        if getattr(gateway, "proc", None) is not None:
            _end(gateway.proc)


def _last_lines(scratch: Path | None) -> list[str]:
    if scratch is None or not (scratch / _LOG).is_file():
        return []
    return (scratch / _LOG).read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]


def _end(java: subprocess.Popen[bytes]) -> None:
    """It ends when nobody holds its input open; one that does not is killed."""
    if java.stdin is not None:
        java.stdin.close()
    try:
        java.wait(10)
    except subprocess.TimeoutExpired:
        java.kill()
        java.wait()
