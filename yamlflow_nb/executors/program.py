"""A python task's function, code or file → its outputs. The same in a thread of this process and in a process of its own."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.executors.declared import declared_outputs
from yamlflow_nb.executors.named_function import named_function
from yamlflow_nb.executors.source_file import source_text


def run_program(
    work: Work, inputs: dict[str, Any], offered: Mapping[str, Any] | None = None, said: Callable[[Exception], str] = str
) -> Mapping[str, Any]:
    """Call the function, or run the code, and give its outputs. ``offered`` are further names: code has them, a function gets
    those that it has parameters for. ``said`` gives an error's own words. Raises ``TaskFailed``."""
    if work.fields.get("function") is not None:
        return _call(str(work.fields["function"]), inputs, offered or {}, said, work)
    inputs = {**(offered or {}), **inputs}
    if work.fields.get("code") is not None:
        return _run(str(work.fields["code"]), f"<{work.attempt.node}>", inputs, said, work)
    path, text = source_text(work, str(work.fields["file"]), "the task's file")
    return _run(text, str(path), {"__file__": str(path), **inputs}, said, work)


def _call(
    name: str, inputs: dict[str, Any], offered: Mapping[str, Any], said: Callable[[Exception], str], work: Work
) -> Mapping[str, Any]:
    found: list[Callable[..., Any]] = []

    def call() -> Any:
        found.append(named_function(name, work))
        taken = signature(found[0]).parameters if offered else {}
        return found[0](**{one: offered[one] for one in offered if one in taken}, **inputs)

    value = _guarded(call, lambda: str(getattr(getattr(found[0], "__code__", None), "co_filename", "")) if found else "", said)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        value = {"result": value}
    return {**value, **declared_outputs(value, work)}


def _run(code: str, name: str, inputs: dict[str, Any], said: Callable[[Exception], str], work: Work) -> Mapping[str, Any]:
    namespace: dict[str, Any] = {"__name__": "__yamlflow__", **inputs}

    def run() -> None:
        exec(compile(code, name, "exec"), namespace)  # noqa: S102 - the pipeline's author wrote it

    _guarded(run, lambda: name, said)
    return declared_outputs(namespace, work)


def _guarded(call: Callable[[], Any], file: Callable[[], str], said: Callable[[Exception], str]) -> Any:
    """What the call gives; what it raises is told by the line of the task's own code."""
    try:
        return call()
    except TaskFailed:
        raise
    except SystemExit as error:
        raise _exited(error) from error
    except SyntaxError as error:
        # Of this text, or of a module that it imports.
        where = "" if error.lineno is None else f"line {error.lineno}: "
        elsewhere = "" if error.filename in (file(), None) else f" ({error.filename})"
        raise TaskFailed("SyntaxError", f"{where}{error.msg}{elsewhere}") from error
    except Exception as error:
        raise _told(error, file(), said) from error


def _exited(error: SystemExit) -> TaskFailed:
    """``sys.exit`` ends a program, not a task: what it would have output is not there."""
    code = 0 if error.code is None else error.code if isinstance(error.code, int) else 1
    said = f": {error.code}" if isinstance(error.code, str) else ""
    return TaskFailed("SystemExit", f"the code ended itself by sys.exit({code}) before its last line{said}", exit_code=code)


def _told(error: Exception, file: str, said: Callable[[Exception], str]) -> TaskFailed:
    """An error with the line of the task's own code in which it arose; the whole traceback goes to the log, without our frames."""
    theirs = error.__traceback__
    while theirs is not None and theirs.tb_frame.f_code.co_filename == __file__:
        theirs = theirs.tb_next
    told = traceback.format_exception(type(error), error, theirs)
    print("".join(told).rstrip(), file=sys.stderr)  # noqa: T201 - the task's own stream
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    where = f"line {lines[-1]}: " if lines else ""
    return TaskFailed(type(error).__name__, f"{where}{said(error) or type(error).__name__}")
