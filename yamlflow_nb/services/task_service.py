"""Which tasks there are."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from yamlflow_nb.domain.task_definition import TaskType
from yamlflow_nb.services.command_error import CommandError


class TaskService:
    """The installed task types, ours and those of plugins. ``runnable`` names those that have an executor, ``packages`` tells
    which package a plugin's type comes from, ``refused`` why one that is installed cannot be used."""

    def __init__(
        self,
        task_types: Mapping[str, TaskType],
        runnable: frozenset[str],
        packages: Mapping[str, str] | None = None,
        refused: Mapping[str, str] | None = None,
    ) -> None:
        self._task_types = task_types
        self.runnable = runnable
        self.packages = packages or {}
        self.refused = refused or {}

    def types(self) -> dict[str, TaskType]:
        """Every task type by name."""
        return dict(sorted(self._task_types.items()))

    def type(self, name: str) -> TaskType:
        """One of them. Raises ``CommandError`` (YF760)."""
        found = self._task_types.get(name)
        if found is None:
            near = get_close_matches(name, list(self._task_types), 1)
            hint = self.refused.get(name) or (f"did you mean `{near[0]}`?" if near else "yamlflow tasks lists them")
            raise CommandError("YF760", f"there is no task type {name!r}", hint)
        return found
