"""Secrets of a task: found by name, put into its ``env`` and ``connection``, kept out of all that it writes."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import quote

from yamlflow_nb.domain.ports.settings import Settings
from yamlflow_nb.domain.secret_mark import revealed
from yamlflow_nb.domain.work import TaskFailed, Work


def give_secrets(work: Work, settings: Settings) -> None:
    """Let ``work.secret`` find what is configured, and look for those that the task lists. What was given is masked from then
    on, and so is what the environment holds: a program may print all of that. Raises ``TaskFailed``."""

    def secret(name: str) -> str:
        try:
            value = settings.secret(work.folder, name)
        except ValueError as error:
            raise TaskFailed("SecretError", str(error)) from None
        if value is None:
            told = f"there is no secret {name!r}: set YAMLFLOW_SECRET_{name.upper()}, or say in [secrets] where it is"
            raise TaskFailed("SecretError", told)
        work.hide(value)
        return value

    work.secret = secret
    for name, value in os.environ.items():
        if name.startswith("YAMLFLOW_SECRET_"):
            work.hide(value)
    for name in work.fields.get("secrets") or ():
        secret(str(name))


def environment_of(work: Work) -> dict[str, str]:
    """The variables of the task's ``env``, secrets in their places. Raises ``TaskFailed``."""
    given = work.fields.get("env") or {}
    return {str(name): put_in(_text(value), work) for name, value in given.items() if value is not None}


def secret_variables(work: Work) -> list[str]:
    """The names of those variables of the task's ``env`` that hold secrets."""
    given = work.fields.get("env") or {}
    return sorted(str(name) for name, value in given.items() if value is not None and put_in(_text(value), work) != _text(value))


def put_in(text: str, work: Work, *, url: bool = False) -> str:
    """A text of the definition with its secrets in their places. A mark may come from an expression of the definition only,
    never inside of a value that was given to the run. In a ``url`` it is quoted. Raises ``TaskFailed``."""

    def secret(name: str) -> str:
        if name not in work.secret_names:
            raise TaskFailed("SecretError", f"a value holds the mark of a secret, {name!r}, that the task does not name")
        return quote(work.secret(name), safe="") if url else work.secret(name)

    return revealed(text, secret)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
