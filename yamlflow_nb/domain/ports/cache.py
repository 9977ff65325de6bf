"""Results that may stand for another run of the same task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True)
class CachedResult:
    """What a node of a pipeline (``scope``) gave, and what it was made of.

    ``key`` is the digest of all ``parts`` (name → digest): code, inputs, files, packages. ``files`` are those that the task was
    seen to open for reading, path → SHA-256; ``written`` those that it only wrote. ``emitted`` are the events of its own.
    """

    scope: str
    key: str
    parts: Mapping[str, str]
    execution_id: str
    at: float
    outputs: Mapping[str, Any]
    emitted: Sequence[tuple[str, Mapping[str, Any]]] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    written: Sequence[str] = ()


class Cache(Protocol):
    """Results enter it in the commit that completes their node; one that failed never does."""

    def cached(self, scope: str, key: str) -> list[CachedResult]:
        """The results under a key, newest first."""

    def cached_lately(self, scope: str, limit: int) -> list[CachedResult]:
        """The newest results of a node, newest first."""
