"""A program that gets the message on its standard input, and what it is about in its environment."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

from pydantic import Field

from yamlflow_nb.domain.model import Model
from yamlflow_nb.domain.ports.notices import NotSent
from yamlflow_nb.infrastructure.notifiers.message import Message


class Command(Model):
    """``command`` is a list of words: no shell reads it. ``env`` adds to the environment."""

    command: list[str] = Field(min_length=1)
    env: dict[str, str] = Field(default_factory=dict)
    timeout: float = Field(default=30.0, gt=0)

    def send(self, message: Message) -> None:
        """Raises ``NotSent`` where the program cannot be started, takes too long or ends with another code than 0."""
        told = {f"YAMLFLOW_{name.upper()}": str(message.told.get(name) or "") for name in ("kind", "pipeline", "execution", "node")}
        told |= {"YAMLFLOW_SUBJECT": message.subject, "YAMLFLOW_NOTICE": json.dumps(dict(message.told), default=str)}
        told = {name: value.replace("\x00", "") for name, value in told.items()}
        try:
            done = subprocess.run(
                self.command, input=message.text, text=True, capture_output=True, timeout=self.timeout,
                env={**os.environ, **told, **self.env}, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise NotSent(f"{self.command[0]} takes more than {self.timeout:g} s") from None
        except OSError as error:
            raise NotSent(f"{self.command[0]} cannot be started: {error.strerror or error}", again=False) from None
        if done.returncode != 0:
            raise NotSent(f"{self.command[0]} ended with {done.returncode}: {_last(done.stderr)}")


def _last(text: Any) -> str:
    lines = str(text).strip().splitlines()
    return lines[-1][:500] if lines else "it said nothing"
