"""A call in a thread of its own: an exception can be thrown into it, and a call that never ends can be left behind."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable
from contextvars import copy_context
from typing import TypeVar

from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.executors.ladder import climb

Result = TypeVar("Result")


class TaskStopped(KeyboardInterrupt):
    """Thrown into a task's code when its attempt is stopped, as Ctrl-C would be."""


def in_own_thread(call: Callable[[], Result], work: Work, stopped: type[BaseException] = TaskStopped) -> Result:
    """The call's result, or what it raised. When the attempt is stopped the call is interrupted by ``stopped``; one that cannot be
    is left behind and told: the worker goes on to other tasks."""
    results: list[Result] = []
    errors: list[BaseException] = []
    awake = threading.Event()
    context = copy_context()

    def body() -> None:
        try:
            results.append(context.run(call))
        except BaseException as error:
            errors.append(error)
        finally:
            awake.set()

    thread = threading.Thread(target=body, name=f"{threading.current_thread().name}-{work.attempt.node}", daemon=True)
    thread.start()
    take_back = work.on_stop(awake.set)
    awake.wait()
    take_back()
    # Not by a flag of the thread's: the exception may strike anywhere in it, also where a flag would be set.
    if work.stopped() and not results and not errors:
        _stop(thread, work, stopped)
    else:
        thread.join()
    if results:
        return results[0]
    if errors and not isinstance(errors[0], stopped):
        raise errors[0]
    raise TaskFailed("Stopped", "the task was stopped")


def _stop(thread: threading.Thread, work: Work, stopped: type[BaseException]) -> None:
    def gone(seconds: float) -> bool:
        thread.join(seconds)
        return not thread.is_alive()

    # A thread can neither be terminated nor killed: what can be done is to say it more than once.
    names = ("interrupt", "interrupt again", "interrupt a last time")
    if not climb([(name, lambda: _throw(thread, stopped)) for name in names], gone, work.log):
        work.note(
            f"`{work.attempt.node}` could not be stopped: its thread waits in code that Python cannot interrupt, and goes on; "
            "what it gives counts no more. With `isolation: process` it can be killed"
        )


def _throw(thread: threading.Thread, stopped: type[BaseException]) -> None:
    if thread.ident is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(stopped))
