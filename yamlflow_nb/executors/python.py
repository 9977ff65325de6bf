"""``type: python``: a function, a piece of code or a file."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any, Literal, cast

from pydantic import model_validator

from yamlflow_nb.domain.ports.artifact_store import ArtifactStore
from yamlflow_nb.domain.task_definition import TaskFields, TaskType
from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.executors.declared import declared_outputs, opened, text_of, without_numpy
from yamlflow_nb.executors.printed import Lines, printed_to


class PythonFields(TaskFields):
    """Fields of a ``python`` task: exactly one of ``function``, ``code`` and ``file``."""

    function: str | None = None
    code: str | None = None
    file: str | None = None
    isolation: Literal["thread", "process"] = "thread"
    env: dict[str, Any] | None = None
    secrets: list[str] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> PythonFields:
        if sum(value is not None for value in (self.function, self.code, self.file)) != 1:
            raise ValueError("a python task needs exactly one of `function`, `code` and `file`")
        return self


TASK_TYPE = TaskType(
    name="python",
    fields=PythonFields,
    on_interrupt="retry",
    literal=("code",),
    summary="Calls a function with the bindings as keyword arguments, or runs code with the bindings as names.",
)


class PythonExecutor:
    """Runs in a thread of this process: what the code prints goes to the attempt's log."""

    api = 1
    task_type = TASK_TYPE

    def __init__(self, artifacts: ArtifactStore) -> None:
        self.artifacts = artifacts

    def execute(self, work: Work) -> Mapping[str, Any]:
        """Call the function, or run the code, and give its outputs. Raises ``TaskFailed``."""
        with printed_to(work.log) as lines:
            return self._executed(opened(work.inputs, self.artifacts), work, lines)

    def _executed(self, inputs: dict[str, Any], work: Work, lines: Lines) -> Mapping[str, Any]:
        if work.fields.get("isolation") == "process":
            raise TaskFailed("NotSupported", "`isolation: process` cannot run yet; leave it out to run in a thread")
        if work.fields.get("function") is not None:
            return self._call(str(work.fields["function"]), inputs, work)
        if work.fields.get("code") is not None:
            return self._run(str(work.fields["code"]), f"<{work.attempt.node}>", inputs, work, lines)
        path = work.folder / str(work.fields["file"])
        text = text_of(path, "the task's file")
        return self._run(text, str(path), {"__file__": str(path), **inputs}, work, lines)

    def _call(self, name: str, inputs: dict[str, Any], work: Work) -> Mapping[str, Any]:
        function = _function(name, work)
        try:
            value = function(**inputs)
        except TaskFailed:
            raise
        except Exception as error:
            raise _told(error, function.__code__.co_filename if hasattr(function, "__code__") else "") from error
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            value = {"result": value}
        return {**{name: without_numpy(item) for name, item in value.items()}, **declared_outputs(value, work)}

    def _run(self, code: str, name: str, inputs: dict[str, Any], work: Work, lines: Lines) -> Mapping[str, Any]:
        # Threads that the code starts print into the log, too, as long as they call this print.
        namespace: dict[str, Any] = {"__name__": "__yamlflow__", "print": partial(print, file=lines), **inputs}
        try:
            exec(compile(code, name, "exec"), namespace)  # noqa: S102 - the pipeline's author wrote it
        except TaskFailed:
            raise
        except SyntaxError as error:
            # Of this text, or of a module that it imports.
            where = "" if error.lineno is None else f"line {error.lineno}: "
            elsewhere = "" if error.filename in (name, None) else f" ({error.filename})"
            raise TaskFailed("SyntaxError", f"{where}{error.msg}{elsewhere}") from error
        except Exception as error:
            raise _told(error, name) from error
        return declared_outputs(namespace, work)


def _function(name: str, work: Work) -> Callable[..., Any]:
    """``module:name`` of a module beside the pipeline or an installed one, or a name of the kernel's own namespace."""
    module, colon, attribute = name.partition(":")
    if not colon:
        found = (work.namespace or {}).get(name)
        if not callable(found):
            raise TaskFailed(
                "FunctionNotFound", f"there is no function `{name}` in the kernel; a module's is written `module:{name}`"
            )
        return cast("Callable[..., Any]", found)
    folder = str(work.folder)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        found = import_module(module)
        for step in attribute.split("."):
            found = getattr(found, step)
    except ModuleNotFoundError as error:
        raise TaskFailed("ModuleNotFoundError", f"`{name}`: there is no module `{error.name}`") from None
    except AttributeError:
        raise TaskFailed("FunctionNotFound", f"`{name}`: the module `{module}` has no `{attribute}`") from None
    if not callable(found):
        raise TaskFailed("FunctionNotFound", f"`{name}` is no function")
    return cast("Callable[..., Any]", found)


def _told(error: Exception, file: str) -> TaskFailed:
    """An error with the line of the task's own code in which it arose."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    where = f"line {lines[-1]}: " if lines else ""
    return TaskFailed(type(error).__name__, f"{where}{error}" if str(error) else f"{where}{type(error).__name__}")
