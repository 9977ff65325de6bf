"""Who starts the pipelines that are nodes of others."""

from __future__ import annotations

from typing import Protocol

from yamlflow_nb.domain.event import AttemptKey
from yamlflow_nb.domain.work import Later, Work


class Children(Protocol):
    """A child is an execution of its own; which one belongs to an attempt is told by names alone, so that whoever goes on with
    the parent finds it and never starts a second one."""

    def attach(self, work: Work, pipeline: str, cancels: bool) -> Later:
        """The child of an attempt: the one that there is, else a new one. ``cancels``: it is cancelled with the attempt."""

    def call_off(self, execution_id: str, attempt: AttemptKey) -> None:
        """Cancel the child of an attempt that was called off before this process looked for it."""
