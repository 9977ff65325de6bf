"""Which attempt the code that is running belongs to: so a task's own code can tell its run what it has to say."""

from __future__ import annotations

from contextvars import ContextVar

from yamlflow_nb.domain.work import Work

current_work: ContextVar[Work | None] = ContextVar("yamlflow_nb_current_work", default=None)
"""Set by the loop around ``TaskExecutor.execute``, in the thread that executes; None outside of tasks."""
