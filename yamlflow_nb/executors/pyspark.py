"""``type: pyspark``: Python or SQL on a Spark session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import field_validator, model_validator

from yamlflow_nb.domain.task_definition import TaskFields, TaskType
from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.executors.configured import ConfiguredExecutor
from yamlflow_nb.executors.given_secrets import environment_of, give_secrets
from yamlflow_nb.executors.spark.query import BOUND, spark_parameters
from yamlflow_nb.executors.spark.wanted import OF_THE_APPLICATION

_BY_VALUE = (
    "spark.sql.", "spark.driver.memory", "spark.driver.cores", "spark.executor.memory", "spark.executor.cores",
    "spark.executor.instances", "spark.cores.max", "spark.default.parallelism", "spark.app.name",
)  # fmt: skip
"""Settings that a value may decide, by their beginnings. Others say which code runs: these are written in the definition."""


class PySparkFields(TaskFields):
    """Fields of a ``pyspark`` task: exactly one of ``function``, ``code``, ``file`` (a program, or a query in a file that ends in
    ``.sql``) and ``sql``. ``session`` are Spark's own settings; ``remote`` is a Spark Connect server. With ``env`` it runs in a
    process of its own, with an application of its own."""

    function: str | None = None
    code: str | None = None
    file: str | None = None
    sql: str | None = None
    session: dict[str, Any] | None = None
    remote: str | None = None
    env: dict[str, Any] | None = None
    secrets: list[str] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> PySparkFields:
        if sum(value is not None for value in (self.function, self.code, self.file, self.sql)) != 1:
            raise ValueError("a pyspark task needs exactly one of `function`, `code`, `file` and `sql`")
        return self

    @field_validator("session")
    @classmethod
    def _settings(cls, session: dict[str, Any] | None) -> dict[str, Any] | None:
        for name, value in (session or {}).items():
            if not name.startswith("spark."):
                raise ValueError(f"`{name}` is no setting of Spark: their names begin with `spark.`")
            if isinstance(value, (dict, list)):
                raise ValueError(f"`{name}` is a text, a number, true or false")
            if isinstance(value, str) and "{{" in value and not _may_be_a_value(name):
                raise ValueError(f"`{name}` says which code runs: it is written in the definition, never decided by a value")
        return session

    @field_validator("remote")
    @classmethod
    def _address(cls, remote: str | None) -> str | None:
        if remote is not None and not remote.startswith("sc://"):
            raise ValueError(f"{remote!r} is no Spark Connect server: write sc://host:port")
        return remote


TASK_TYPE = TaskType(
    name="pyspark",
    fields=PySparkFields,
    on_interrupt="retry",
    literal=("code",),
    no_templates={
        "sql": BOUND,
        "function": "a function is named in the definition, never by a value: let nodes with `skipWhen` choose",
        "remote": "where a task runs is written in the definition, never decided by a value",
    },
    parameters=("sql", spark_parameters),
    summary="Runs Python or SQL on Spark; Spark DataFrames become Parquet references.",
)


class SparkStopped(BaseException):
    """Thrown into a task's code when its attempt is stopped. Not a ``KeyboardInterrupt``: on one of these py4j shuts the
    connections of all threads, and the nodes beside would fail."""


class PySparkExecutor(ConfiguredExecutor):
    """Runs on an application that this process shares among all nodes, or on a Spark Connect server."""

    task_type = TASK_TYPE

    def execute(self, work: Work) -> Mapping[str, Any]:
        """Call the function, run the code or the query, and give its outputs. Raises ``TaskFailed``."""
        from yamlflow_nb.executors.named_function import check_module
        from yamlflow_nb.executors.own_process import in_own_process
        from yamlflow_nb.executors.own_thread import in_own_thread
        from yamlflow_nb.executors.spark.tables import references

        give_secrets(work, self.settings)
        check_module(work, self.settings)
        _check_installed()
        variables = environment_of(work)
        if variables:
            outputs = in_own_process(work, self.artifacts.folder, variables)
        else:
            outputs = in_own_thread(lambda: self._executed(work), work, SparkStopped)
        return references(outputs, self.artifacts)

    def _executed(self, work: Work) -> Mapping[str, Any]:
        from yamlflow_nb.executors.printed import printed_to
        from yamlflow_nb.executors.spark.run import run_on_spark

        with printed_to(work.log):
            return run_on_spark(work, lambda one: self.artifacts.find(f"artifact:{one['sha256']}"), self.artifacts.read)


def _may_be_a_value(name: str) -> bool:
    return name.startswith(_BY_VALUE) and not name.startswith(OF_THE_APPLICATION)


def _check_installed() -> None:
    try:
        import pyspark  # noqa: F401
    except ImportError:
        raise TaskFailed("ModuleNotFoundError", "a pyspark task needs pyspark: pip install 'yamlflow_nb[spark]'") from None
