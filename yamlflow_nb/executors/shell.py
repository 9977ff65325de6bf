"""``type: shell``: a command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import field_validator

from yamlflow_nb.domain.task_definition import TaskFields, TaskType
from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.executors.configured import ConfiguredExecutor
from yamlflow_nb.executors.given_secrets import give_secrets

if TYPE_CHECKING:
    from yamlflow_nb.executors.run_command import Ended

_IN_THE_ENVIRONMENT = "values go in by the environment, never into the text: bind it by inputBindings, or write a list of arguments"


class ShellFields(TaskFields):
    """Fields of a ``shell`` task. ``command`` is a list of arguments, or a text for the shell, which finds the inputs in its
    environment. ``cwd`` counts from the pipeline's folder. ``env`` and ``secrets`` are added to the environment."""

    command: list[Any] | str
    cwd: str | None = None
    env: dict[str, Any] | None = None
    secrets: list[str] | None = None

    @field_validator("command")
    @classmethod
    def _something(cls, command: list[Any] | str) -> list[Any] | str:
        if not command or (isinstance(command, str) and not command.strip()):
            raise ValueError("a command is a list of arguments, or a text for the shell; this is empty")
        return command


TASK_TYPE = TaskType(
    name="shell",
    fields=ShellFields,
    outputs={"exit_code": "integer", "stdout": "string", "stderr": "string"},
    on_interrupt="ask",
    no_templates={"command": _IN_THE_ENVIRONMENT},
    bound_form='"${name}"',
    summary="Runs a command.",
)


class ShellExecutor(ConfiguredExecutor):
    """Runs the command in a process group of its own, which can be interrupted, terminated and killed as a whole."""

    task_type = TASK_TYPE

    def execute(self, work: Work) -> Mapping[str, Any]:
        """Run it and give ``exit_code stdout stderr`` and the declared outputs. Raises ``TaskFailed``."""
        # Here, not above: whoever only validates a document need not wait for what runs tasks.
        from yamlflow_nb.executors.channel import VARIABLE, Channel
        from yamlflow_nb.executors.command_line import arguments, environment, working_folder
        from yamlflow_nb.executors.process_record import end_earlier
        from yamlflow_nb.executors.run_command import run_command
        from yamlflow_nb.executors.written_outputs import WrittenOutputs

        give_secrets(work, self.settings)
        argv, folder = arguments(work, self.artifacts), working_folder(work)
        variables = environment(work, self.artifacts)
        end_earlier(work)
        written = WrittenOutputs(work, folder)
        try:
            with Channel(work) as channel:
                variables = {**variables, **written.environment, VARIABLE: channel.environment[VARIABLE]}
                result = run_command(argv, folder, variables, work)
            return {**_told(result, work), **written.found()}
        finally:
            written.clear()


def _told(result: Ended, work: Work) -> dict[str, Any]:
    """How it ended, as outputs. Raises ``TaskFailed`` where that is no success."""
    from yamlflow_nb.executors.process_record import ending

    told = {"exit_code": result.code, "stdout": result.stdout, "stderr": result.stderr}
    if work.stopped():
        raise TaskFailed("Stopped", "the command was stopped", exit_code=result.code, outputs=told)
    if result.code != 0:
        last = next((line for line in reversed(result.stderr.splitlines()) if line.strip()), "")
        said = f": {last.strip()[:300]}" if last else ""
        raise TaskFailed("ExitCode", f"the command ended with {ending(result.code)}{said}", result.code, told)
    return told
