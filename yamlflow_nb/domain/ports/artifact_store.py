"""Where large objects lie."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol


class ArtifactStore(Protocol):
    """Keeps objects by content; what the pool holds is a reference ``{path, format, size, sha256}`` (and ``schema``, ``rows``)."""

    folder: Path
    """Where its files are on this machine."""

    def keep(self, value: Any) -> dict[str, Any]:
        """A reference to a data frame, a series or the file at a ``Path``."""

    def read(self, reference: dict[str, Any]) -> Any:
        """The object that a reference stands for: a data frame, or the path of a file."""

    def bring(self, value: Any) -> Any:
        """A value whose references, at any depth, are files of this machine; raises FileNotFoundError."""

    def find(self, name: str) -> Path:
        """The file behind ``artifact:<sha256>``; raises FileNotFoundError."""
