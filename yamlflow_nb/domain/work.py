"""One attempt as its executor sees it: what to do, with what, and whom to tell while it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yamlflow_nb.domain.event import AttemptKey
from yamlflow_nb.domain.task_definition import OutputDeclaration


@dataclass
class Work:
    """An attempt to be executed.

    ``inputs`` are the resolved bindings, references still references; ``fields`` the task type's own fields, and ``written``
    the same as the definition has them, with ``{{ }}``. Relative paths count from ``folder``, the definition's; ``initiator``
    started the run. ``opened()`` are the inputs with tables as data frames, files as paths, and large values as they are.
    ``run_folder`` is this attempt's own, for what it leaves behind;
    ``earlier()`` are those of this node's attempts before, newest first.

    ``emit(name, payload)``, ``output(values)``, ``progress(done, total, text)`` and ``log(text)`` tell at once; ``note(text)``
    is a record of the log that people should see without looking for it. ``used(path, data)`` says which file the work is
    read from.

    ``secret(name)`` gives a secret; raises ``TaskFailed`` for one that is not there. ``secret_names`` are those that the task's
    fields name. ``hide(text)`` keeps a secret out of all that is written; ``masked(text)`` is a text without them.

    ``stopped()`` says whether the attempt no longer counts; ``on_stop(call)`` has ``call`` called, in a thread of its own, when
    that happens (at once if it has), and gives what takes the request back. An executor that can be interrupted answers with
    its ladder: interrupt, terminate, kill.

    ``waiting(yes, told)`` says that from now on only people or events can move it, or that this is over; ``told`` is what people
    see of it.
    """

    execution_id: str
    attempt: AttemptKey
    type: str
    inputs: Mapping[str, Any]
    fields: Mapping[str, Any]
    declared: Mapping[str, OutputDeclaration]
    folder: Path
    run_folder: Path
    namespace: Mapping[str, Any] | None = None
    initiator: str = ""
    written: Mapping[str, Any] = field(default_factory=dict)
    emit: Callable[[str, Mapping[str, Any]], None] = field(default=lambda name, payload: None)
    output: Callable[[Mapping[str, Any]], None] = field(default=lambda values: None)
    progress: Callable[[float, float | None, str], None] = field(default=lambda done, total, text: None)
    log: Callable[[str], None] = field(default=lambda text: None)
    note: Callable[[str], None] = field(default=lambda text: None)
    used: Callable[[Path, bytes], None] = field(default=lambda path, data: None)
    masked: Callable[[str], str] = field(default=lambda text: text)
    opened: Callable[[], Mapping[str, Any]] = field(default=dict)
    secret_names: frozenset[str] = frozenset()
    hide: Callable[[str], None] = field(default=lambda text: None)
    earlier: Callable[[], list[Path]] = field(default=list)
    secret: Callable[[str], str] = field(default=lambda name: _no_secret(name))
    stopped: Callable[[], bool] = field(default=lambda: False)
    on_stop: Callable[[Callable[[], None]], Callable[[], None]] = field(default=lambda call: lambda: None)
    waiting: Callable[[bool, Mapping[str, Any]], None] = field(default=lambda yes, told: None)


@dataclass(frozen=True)
class Later:
    """What an executor returns whose result will come by itself: no thread is held until then.

    ``when_there(call)`` has ``call`` called once, from any thread, as soon as the result is there; ``result()`` then gives the
    outputs, or raises ``TaskFailed``. ``cancel()`` is called when the attempt was called off, not when its process gives it up.
    """

    when_there: Callable[[Callable[[], None]], None]
    result: Callable[[], Mapping[str, Any]]
    cancel: Callable[[], None]


class TaskFailed(Exception):
    """An attempt that failed, told as a person wants to read it: ``type`` and message; ``outputs`` are what it had set.
    ``by_hand``: a person ended it, so that it is not tried again."""

    def __init__(
        self,
        kind: str,
        message: str,
        exit_code: int | None = None,
        outputs: Mapping[str, Any] | None = None,
        by_hand: bool = False,
    ) -> None:
        super().__init__(message)
        self.by_hand = by_hand
        self.kind = kind
        self.message = message
        self.exit_code = exit_code
        self.outputs = dict(outputs or {})


def _no_secret(name: str) -> str:
    raise TaskFailed("SecretError", f"there is no secret {name!r}")
