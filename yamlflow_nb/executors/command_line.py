"""A ``shell`` task → what is started: arguments, folder, environment. A value is never part of a text that a shell reads, and
never an option of a program that the definition did not give."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from yamlflow_nb.domain.ports.artifact_store import ArtifactStore
from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.executors.declared import is_reference
from yamlflow_nb.executors.given_secrets import environment_of
from yamlflow_nb.executors.source_file import source_path

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEPT_BACK = "YAMLFLOW_SECRET_"


def arguments(work: Work, artifacts: ArtifactStore) -> list[str]:
    """The program and its arguments. Raises ``TaskFailed``."""
    command = work.fields["command"]
    if isinstance(command, str):
        return ["cmd", "/d", "/c", command] if os.name == "nt" else ["/bin/sh", "-e", "-c", command]
    command = artifacts.bring(command)
    written = work.written.get("command")
    written = written if isinstance(written, list) and len(written) == len(command) else command
    argv = [_argument(number, value, _is_given(text)) for number, (value, text) in enumerate(zip(command, written))]
    for number, (value, text) in enumerate(zip(argv, written)):
        # A number is no way to say `--config=...`, and behind `--` nothing is an option.
        given = _is_given(text) and not str(text).startswith("-") and isinstance(command[number], str)
        if number and given and value.startswith("-") and "--" not in written[:number]:
            raise TaskFailed(
                "OptionFromValue",
                f"argument {number} is {value[:80]!r}, a value that begins with `-`: the program would take it for an option; "
                "write `--` before it, or `--name={{ ... }}`",
            )
    return argv


def _is_given(written: Any) -> bool:
    """Whether an argument's text comes from a value of the run."""
    return isinstance(written, str) and "{{" in written


def _argument(number: int, value: Any, given: bool) -> str:
    if number == 0 and given:
        raise TaskFailed("ProgramFromValue", "a program is named in the definition, never by a value")
    if value is None or (isinstance(value, (list, dict)) and not is_reference(value)):
        kind = "null" if value is None else "a list" if isinstance(value, list) else "an object"
        told = f"argument {number} is {kind}: an argument is a text, a number or a file; `| json` makes a text"
        raise TaskFailed("ArgumentError", told)
    text = as_text(value)
    if "\0" in text:
        raise TaskFailed("ArgumentError", f"argument {number} holds a NUL character")
    return text


def as_text(value: Any) -> str:
    """A value as programs read it: texts as they are, files as their paths, everything else as JSON."""
    if isinstance(value, str):
        return value
    if is_reference(value):
        return str(value["path"])
    if isinstance(value, (bool, int, float, list, dict)) or value is None:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def working_folder(work: Work) -> Path:
    """Where the command runs: the pipeline's folder, or one below it. Raises ``TaskFailed``."""
    named = work.fields.get("cwd")
    folder = Path(work.folder) if named is None else source_path(work, str(named), "the folder `cwd`")
    if not folder.is_dir():
        raise TaskFailed("FileNotFoundError", f"there is no folder {folder} to run in")
    return folder


def environment(work: Work, artifacts: ArtifactStore) -> dict[str, str]:
    """The variables: this process's own without the secrets in it, the inputs by their names, the secrets that the task lists
    as ``YAMLFLOW_SECRET_<NAME>``, and its ``env``. Raises ``TaskFailed``."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_KEPT_BACK)}
    key = work.attempt
    told = {
        "YAMLFLOW_EXECUTION": work.execution_id, "YAMLFLOW_NODE": key.node, "YAMLFLOW_ATTEMPT": work.run_folder.name,
        "YAMLFLOW_ARTIFACTS": str(artifacts.folder),
    }  # fmt: skip
    secrets = {f"{_KEPT_BACK}{name.upper()}": work.secret(str(name)) for name in work.fields.get("secrets") or ()}
    return {**inherited, **told, **_inputs(work.inputs, artifacts), **secrets, **environment_of(work)}


def _inputs(inputs: Mapping[str, Any], artifacts: ArtifactStore) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in inputs.items():
        if not _VARIABLE.fullmatch(name):
            raise TaskFailed("InputError", f"the input {name!r} cannot be a variable of the environment: letters, digits and _")
        if value is None:
            continue
        text = str(artifacts.find(f"artifact:{value['sha256']}")) if is_reference(value) else as_text(value)
        if "\0" in text:
            raise TaskFailed("InputError", f"the input `{name}` holds a NUL character, which no environment can hold")
        found[name] = text
    return found
