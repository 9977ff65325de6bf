"""What is configured for a project: connections and secrets by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from yamlflow_nb.domain.pool import PoolSize


class Settings(Protocol):
    """``folder`` is the definition's: the nearest configuration above it counts."""

    def connection(self, folder: Path, name: str) -> Mapping[str, Any] | None:
        """``{url, user, password}`` of a connection; None where there is none of this name."""

    def connections(self, folder: Path) -> Sequence[str]:
        """The names that are configured."""

    def secret(self, folder: Path, name: str) -> str | None:
        """A secret's value; None where there is none of this name."""

    def notifier(self, folder: Path, name: str) -> Mapping[str, Any] | None:
        """The table ``[notifiers.NAME]``; None where there is none."""

    def notifiers(self, folder: Path) -> Sequence[str]:
        """The names of notifiers that are configured."""

    def pools(self, folder: Path) -> Mapping[str, PoolSize]:
        """The pools of this machine by name."""

    def modules(self, folder: Path) -> Sequence[str] | None:
        """The modules from which functions of python tasks may come; None where any may."""

    def hosts(self, folder: Path) -> Sequence[str]:
        """The hosts inside of a network that ``http`` tasks may speak to, whoever names them."""


class NoSettings:
    """Nothing is configured."""

    def connection(self, folder: Path, name: str) -> Mapping[str, Any] | None:
        return None

    def connections(self, folder: Path) -> Sequence[str]:
        return ()

    def secret(self, folder: Path, name: str) -> str | None:
        return None

    def notifier(self, folder: Path, name: str) -> Mapping[str, Any] | None:
        return None

    def notifiers(self, folder: Path) -> Sequence[str]:
        return ()

    def pools(self, folder: Path) -> Mapping[str, PoolSize]:
        return {}

    def modules(self, folder: Path) -> Sequence[str] | None:
        return None

    def hosts(self, folder: Path) -> Sequence[str]:
        return ()
