"""``type: python``: a function, a piece of code or a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import model_validator

from yamlflow_nb.domain.made_of import MadeOf, NotKnown
from yamlflow_nb.domain.task_definition import TaskFields, TaskType
from yamlflow_nb.domain.work import Work
from yamlflow_nb.executors.configured import ConfiguredExecutor
from yamlflow_nb.executors.declared import opened
from yamlflow_nb.executors.given_secrets import environment_of, give_secrets


class PythonFields(TaskFields):
    """Fields of a ``python`` task: exactly one of ``function``, ``code`` and ``file``. With ``env`` it runs in a process of its
    own: variables of the environment are a process's, not a thread's."""

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
    no_templates={"function": "a function is named in the definition, never by a value: let nodes with `skipWhen` choose"},
    summary="Calls a function with the bindings as keyword arguments, or runs code with the bindings as names.",
)


class PythonExecutor(ConfiguredExecutor):
    """Runs in a thread of this process, or in a process of its own: what the code prints goes to the attempt's log."""

    task_type = TASK_TYPE

    def execute(self, work: Work) -> Mapping[str, Any]:
        """Call the function, or run the code, and give its outputs. Raises ``TaskFailed``."""
        # Here, not above: whoever only validates a document need not wait for what runs tasks.
        from yamlflow_nb.executors.named_function import check_module
        from yamlflow_nb.executors.own_process import in_own_process
        from yamlflow_nb.executors.own_thread import in_own_thread

        give_secrets(work, self.settings)
        check_module(work, self.settings)
        variables = environment_of(work)
        if variables or work.fields.get("isolation") == "process":
            return in_own_process(work, self.artifacts.folder, variables)
        inputs = opened(work.inputs, self.artifacts)
        return in_own_thread(lambda: self._executed(work, inputs), work)

    def made_of(self, work: Work) -> MadeOf:
        """What the result depends on, as far as it can be seen. Raises ``NotKnown``, ``TaskFailed``."""
        from yamlflow_nb.executors.code_text import look_at_code, look_at_module, meaning
        from yamlflow_nb.executors.source_file import source_text

        made = MadeOf(here=not work.fields.get("env") and work.fields.get("isolation") != "process")
        named, code, file = (work.fields.get(name) for name in ("function", "code", "file"))
        if file is not None:
            _, code = source_text(work, str(file), "the task's file")
        if code is not None:
            made.parts["code" if file is None else f"file {file}"] = meaning(str(code))
            look_at_code(str(code), work.folder, made)
        elif ":" in str(named):
            from yamlflow_nb.executors.named_function import look_at_installed

            look_at_module(str(named).partition(":")[0], work.folder, made)
            if not made.parts:
                look_at_installed(str(named).partition(":")[0], made)
        else:
            from yamlflow_nb.executors.function_text import look_at_function

            function = (work.namespace or {}).get(str(named))
            if function is None:
                raise NotKnown(f"there is no function `{named}` in the kernel")
            look_at_function(function, work.folder, made)
        return made

    @staticmethod
    def _executed(work: Work, inputs: dict[str, Any]) -> Mapping[str, Any]:
        from yamlflow_nb.executors.printed import printed_to
        from yamlflow_nb.executors.program import run_program

        with printed_to(work.log):
            return run_program(work, inputs)
