"""What was published: definitions of pipelines and of tasks, each version once and for good."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

Kind = Literal["pipeline", "task"]


@dataclass(frozen=True)
class Published:
    """One version. ``hash`` is of its content, ``text`` its YAML, ``folder`` what its paths count from; ``by`` published it ``at``
    (seconds since the epoch) from ``source_name``."""

    kind: Kind
    namespace: str
    name: str
    version: str
    hash: str
    text: str
    source_name: str
    folder: str
    by: str
    at: float

    @property
    def reference(self) -> str:
        """``score@1.2.0``, with the namespace where it is not the default one."""
        return f"{qualified(self.namespace, self.name)}@{self.version}"


class Reference(NamedTuple):
    """How a document names what was published: ``score``, ``score@1.2.0``, ``team/score@1.2.0``."""

    namespace: str
    name: str
    version: str | None

    def __str__(self) -> str:
        return qualified(self.namespace, self.name) + (f"@{self.version}" if self.version is not None else "")


_REFERENCE = re.compile(r"(?:([a-z][a-z0-9_]*)/)?([a-z][a-z0-9_]*)(?:@(\S(?:.*\S)?))?")


def reference_of(text: str) -> Reference | None:
    """The reference that a text is, or None."""
    found = _REFERENCE.fullmatch(text.strip())
    return Reference(found[1] or "default", found[2], found[3]) if found else None


class Shelf(Protocol):
    """The texts of what was published, as a document names them."""

    def text(self, kind: Kind, reference: str) -> str | None:
        """The YAML behind a reference; None where nothing was published under it."""

    def references(self, kind: Kind) -> list[str]:
        """All that there are, each with its version."""


class Catalogue(Protocol):
    """Versions only ever come to it."""

    def publish(self, published: Published) -> Published:
        """Add a version; gives what is there under it from now on: of two that publish one version the first wins."""

    def published(self, kind: Kind, namespace: str, name: str, version: str | None = None) -> Published | None:
        """A version, or without one the newest that was published; None where there is none."""

    def catalogue(self, kind: Kind, namespace: str | None = None, name: str | None = None) -> list[Published]:
        """All of a kind, or all versions of one; by name, the newest first."""


def qualified(namespace: str, name: str) -> str:
    """A name as people write it: without the default namespace."""
    return name if namespace == "default" else f"{namespace}/{name}"
