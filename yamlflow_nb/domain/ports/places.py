"""Places among the executions of one pipeline: at most so many of a key run at once, in every process together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class PlaceAnswer:
    """Whether a place was taken; ``holders`` are the executions that have the others."""

    taken: bool
    holders: tuple[str, ...] = ()


class Places(Protocol):
    """``is_driven(owner, expires_at)``: one that nobody drives holds no place, and stands in nobody's way."""

    def take_place(self, execution_id: str, key: str, limit: int, is_driven: Callable[[str | None, float], bool]) -> PlaceAnswer:
        """Take a place, or stand in line for one, in order of first asking. Taken twice it is taken once."""

    def leave_place(self, execution_id: str) -> tuple[str, ...]:
        """Leave place or line; where those can be rung who stand in line for it."""
