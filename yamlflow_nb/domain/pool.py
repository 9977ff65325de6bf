"""Pools: what there is only so much of (a GPU, a licence, memory), and what an attempt needs of it."""

from __future__ import annotations

import re

from yamlflow_nb.domain.value import value

DEFAULT_POOL = "default"
"""The pool of a node that asks for ``slots`` or ``memory`` and names none."""
_AMOUNT = re.compile(r"([0-9.]+) ?([KMGTP]?)(i?)B?")
_POWER = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4, "P": 5}


@value
class PoolSize:
    """What a pool has: ``slots``, and bytes of ``memory`` where that is limited."""

    slots: float
    memory: float | None = None


@value
class Demand:
    """What one attempt needs while it runs: ``slots`` of a pool, and bytes of ``memory``."""

    pool: str = DEFAULT_POOL
    slots: float = 1
    memory: float = 0

    def fits(self, size: PoolSize) -> bool:
        """Whether a pool that nobody uses would have room."""
        return self.slots <= size.slots and (size.memory is None or self.memory <= size.memory)


def amount(written: int | float | str) -> float:
    """Bytes: a number, or a text such as ``512MiB`` or ``2 GB``. Raises ``ValueError``."""
    if not isinstance(written, str):
        return float(written)
    found = _AMOUNT.fullmatch(written.strip())
    if found is None:
        raise ValueError(f"{written!r} is no amount of memory: 512MiB, 2GiB, or a number of bytes")
    number, unit, binary = found.groups()
    return float(number) * float((1024 if binary else 1000) ** _POWER[unit])
