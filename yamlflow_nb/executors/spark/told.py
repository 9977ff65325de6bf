"""What Spark says of an error → what a person wants to read. Stacks of Java and plans of queries are left to the log."""

from __future__ import annotations

import logging
import re

from yamlflow_nb.domain.current_work import current_work

_PLAN = re.compile(r"(; line \d+ pos \d+);?\n.*", re.DOTALL)
_JAVA = re.compile(r"\n+JVM stacktrace:.*|\n\tat .*", re.DOTALL)
_WORKER = "An exception was thrown from the Python worker"


def told(error: Exception) -> str:
    """An error in its own words."""
    java = getattr(error, "java_exception", None)
    try:
        text = str(java.toString()) if java is not None else str(error)
    except Exception:
        text = str(error)
    text = _PLAN.sub(r"\1", _JAVA.sub("", text)).strip()
    if _WORKER in text:
        lines = [line for line in text.splitlines() if line.strip()]
        return f"in a Python function on Spark: {lines[-1]}"
    return text


class _Elsewhere(logging.Filter):
    """Lets through what is not said on behalf of a task."""

    def filter(self, record: logging.LogRecord) -> bool:
        return current_work.get() is None


_elsewhere = _Elsewhere()


def say_errors_once() -> None:
    """pyspark writes an error to the page, with all its stacks as JSON, before it raises it. A task's error is told by its node."""
    try:
        from pyspark.logger import PySparkLogger
    except ImportError:  # before Spark 4
        return
    for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
        PySparkLogger.getLogger(name).addFilter(_elsewhere)
