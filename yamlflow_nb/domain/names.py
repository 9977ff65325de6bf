"""Names as expressions see them: plain data, namespaces to walk, and what is absent."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Protocol


class Absent:
    """What a name gives when nothing is there: not null, not empty.

    ``name`` is the whole name (``extract.row_count``), ``producer`` the node that should have set it, ``state`` that node's state.
    """

    __slots__ = ("name", "producer", "state")

    def __init__(self, name: str, producer: str | None = None, state: str | None = None) -> None:
        self.name = name
        self.producer = producer
        self.state = state

    @property
    def message(self) -> str:
        """``extract.n`` is absent: node `extract` is failed and did not set it."""
        if self.producer is None:
            return f"`{self.name}` is absent"
        return f"`{self.name}` is absent: node `{self.producer}` is {self.state} and did not set it"

    def __repr__(self) -> str:
        return f"Absent({self.name!r})"


class Namespace(ABC):
    """Something that is only walked (``a`` in ``a.n``), never a value itself."""

    __slots__ = ()

    @abstractmethod
    def member(self, key: str) -> Any:
        """Plain data, a further ``Namespace``, or ``Absent``."""


class Names(Protocol):
    """Where an expression's names come from."""

    def lookup(self, name: str) -> Any:
        """The settled meaning of a first name: plain data, a ``Namespace``, or ``Absent``."""

    def lookup_now(self, name: str) -> Any:
        """The same as it is at this moment, for ``peek``."""
