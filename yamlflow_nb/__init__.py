"""yamlflow_nb: pipelines in YAML that run inside Jupyter.

    import yamlflow_nb as yf
    execution = yf.start("flights.pipeline.yaml", inputs={"month": 2})
    execution.wait().outputs

Nothing is loaded until it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yamlflow_nb.domain.diagnostic import DefinitionError, Diagnostic, ExecutionFailed, InputError
    from yamlflow_nb.domain.pipeline_definition import PipelineDefinition
    from yamlflow_nb.domain.ports.repository import ExecutionRecord
    from yamlflow_nb.services.execution import Execution
    from yamlflow_nb.services.pipeline_source import Source

__version__ = "0.1.0"
__all__ = [
    "DefinitionError", "ExecutionFailed", "InputError", "approvals", "emit", "get_execution", "list_executions", "load", "log",
    "output", "progress", "read", "run", "secret", "start", "validate",
]  # fmt: skip

_LAZY = dict.fromkeys(("DefinitionError", "InputError", "ExecutionFailed"), "yamlflow_nb.domain.diagnostic")


def __getattr__(name: str) -> Any:
    if name == "connect":  # so that hasattr() and `from yamlflow_nb import *` see what is there, and a reader sees why
        raise AttributeError("yamlflow_nb.connect comes with the service, in a later version; use start and get_execution")
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_LAZY[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


# --- pipelines -----------------------------------------------------------------------------------------------------


def load(source: Source) -> PipelineDefinition:
    """The definition of a pipeline: YAML text or the path of a file. Raises ``DefinitionError`` with all that is wrong."""
    from yamlflow_nb.bootstrap import pipelines

    return pipelines().load(source)


def validate(text: str | bytes) -> list[Diagnostic]:
    """What is wrong with a YAML text, in the order of places; never raises."""
    from yamlflow_nb.bootstrap import pipelines

    return pipelines().validate(text)


# --- executions ----------------------------------------------------------------------------------------------------


def start(
    source: Source, inputs: Mapping[str, Any] | None = None, wait: bool = False, *, store: str | None = None, **options: Any
) -> Execution:
    """Start a pipeline (YAML text, path or definition) and return its live handle at once, or when it has ended.

    ``store``: another store than the configured one. Raises ``DefinitionError``, ``InputError``.
    """
    from yamlflow_nb.bootstrap import services

    return services(store).executions.start(source, inputs, wait=wait, **options)


def run(source: Source, inputs: Mapping[str, Any] | None = None, *, store: str | None = None, **options: Any) -> Execution:
    """Start a pipeline and wait until it has ended. Raises ``ExecutionFailed`` with the failing nodes' errors."""
    return start(source, inputs, wait=True, store=store, **options).raise_if_failed()


def list_executions(
    limit: int = 50, *, project: str | None = None, with_children: bool = False, store: str | None = None
) -> list[ExecutionRecord]:
    """The newest executions of the store, newest first; ``with_children``: also those that nodes of others started."""
    from yamlflow_nb.bootstrap import services

    return services(store).executions.list(project, limit, with_children=with_children)


def get_execution(execution_id: str | None = None, *, store: str | None = None) -> Execution:
    """An execution by id, or by a beginning of it; without one the newest. Raises ``CommandError`` when there is none."""
    from yamlflow_nb.bootstrap import services

    return services(store).executions.get(execution_id)


def approvals(everyone: bool = False, *, store: str | None = None) -> list[Mapping[str, Any]]:
    """What waits for a decision of the user of this process (``everyone``: of anybody): what is asked, the form, the evidence.
    ``get_execution(one["execution"]).approve(one["node"])`` decides."""
    from yamlflow_nb.bootstrap import services

    return list(services(store).executions.approvals(everyone))


def read(reference: Any, *, store: str | None = None) -> Any:
    """The object behind a reference (a node's output, or ``artifact:<sha256>``): a data frame, or the path of a file."""
    from yamlflow_nb.bootstrap import read_artifact

    return read_artifact(reference, store)


# --- inside a task -------------------------------------------------------------------------------------------------


def output(**values: Any) -> None:
    """Set outputs of the running task early; views, ``peek`` and ``stopWhen`` see them at once."""
    from yamlflow_nb.services import inside_task

    inside_task.output(values)


def emit(event: str, /, **payload: Any) -> None:
    """Emit an event that the running task's node declares in ``emits``."""
    from yamlflow_nb.services import inside_task

    inside_task.emit(event, payload)


def progress(done: float, total: float | None = None, text: str = "") -> None:
    """Say how far the running task is."""
    from yamlflow_nb.services import inside_task

    inside_task.progress(done, total, text)


def log(*parts: Any) -> None:
    """Add a record to the log of the running attempt."""
    from yamlflow_nb.services import inside_task

    inside_task.log(parts)


def secret(name: str) -> str:
    """A secret's value, from the environment variable ``YAMLFLOW_SECRET_<NAME>``."""
    from yamlflow_nb.services import inside_task

    return inside_task.secret(name)


# --- Jupyter -------------------------------------------------------------------------------------------------------


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext yamlflow_nb``: brings ``%%pipeline`` and ``%pipeline``."""
    from yamlflow_nb.views.magics import load_ipython_extension as load_magics

    load_magics(shell)
