"""A pyspark task's function, code, file or query → its outputs. The same in a thread here and in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.executors.declared import is_reference
from yamlflow_nb.executors.program import run_program
from yamlflow_nb.executors.source_file import source_text
from yamlflow_nb.executors.spark.jobs import Watch
from yamlflow_nb.executors.spark.query import BOUND, bound_query, first_row
from yamlflow_nb.executors.spark.server import is_gone
from yamlflow_nb.executors.spark.sessions import Lent, lent_session
from yamlflow_nb.executors.spark.tables import frames, written, written_outputs
from yamlflow_nb.executors.spark.told import say_errors_once, told
from yamlflow_nb.executors.spark.wanted import wanted_session

Reference = Mapping[str, Any]


def run_on_spark(work: Work, find: Callable[[Reference], Path], read: Callable[[dict[str, Any]], Any]) -> Mapping[str, Any]:
    """Its outputs, tables of Spark as ``ParquetTable``. ``find`` gives the file of a reference, ``read`` what it stands for.
    Raises ``TaskFailed``."""
    say_errors_once()
    with lent_session(wanted_session(work), work) as lent:
        try:
            jobs = lent.place.jobs(lent.session, work)
            work.log(f"jobs on Spark are tagged {jobs.tag}")
            if lent.place.address is not None and not work.attempt.item:  # of 10,000 items the first says it
                work.note(f"Spark's page: {lent.place.address}")
            with Watch(jobs, work):
                return _outputs(work, lent, find, read)
        except Exception as error:
            _raise_if_dead(lent, work)
            if isinstance(error, TaskFailed):
                raise
            raise TaskFailed(type(error).__name__, told(error) or type(error).__name__) from error


def _outputs(work: Work, lent: Lent, find: Callable[[Reference], Path], read: Callable[[dict[str, Any]], Any]) -> Mapping[str, Any]:
    lent.place.finds_modules_in(work.folder)
    inputs = frames(work, lent, find, read)
    text = _query(work)
    if text is not None:
        return _selected(text, work, lent)
    return written_outputs(run_program(work, inputs, offered={"spark": lent.session}, said=told), work, lent)


def _selected(text: str, work: Work, lent: Lent) -> dict[str, Any]:
    """What a query gives, as a ``sql`` task gives it."""
    query, values = bound_query(text, {name: value for name, value in work.inputs.items() if not is_reference(value)})
    frame = lent.session.sql(query, args=values or None)
    if not frame.columns:
        return {"row_count": 0, "columns": []}
    table = written("result", frame, work, lent)
    outputs = {"result": table, "row_count": table.rows, "columns": list(frame.columns)}
    first = first_row(table.path)
    return outputs if first is None else {**outputs, "first": first}


def _query(work: Work) -> str | None:
    """The text of the query; None for a task that runs Python. Raises ``TaskFailed``."""
    if work.fields.get("sql") is not None:
        return str(work.fields["sql"])
    named = work.fields.get("file")
    if named is None or not str(named).endswith(".sql"):
        return None
    _, text = source_text(work, str(named), "the query's file")
    if "{{" in text:
        raise TaskFailed("TemplateInSQL", f"`{named}` holds {{{{ }}}}: {BOUND}")
    return text


def _raise_if_dead(lent: Lent, work: Work) -> None:
    """What failed because Spark itself is gone is told so, whatever the error looks like."""
    died = lent.place.died()
    if died is not None:
        for line in lent.place.last_lines():
            work.log(line)
        raise TaskFailed("SparkDied", f"{died}; the next attempt starts a new one") from None
    if is_gone(lent.session):
        raise TaskFailed("SparkDied", "the Spark Connect server no longer answers") from None
