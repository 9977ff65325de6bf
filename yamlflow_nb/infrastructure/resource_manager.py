"""``ResourceManager``: pools and who uses them. One for each process: what it drives shares its GPUs, licences and memory."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import NamedTuple

from yamlflow_nb.domain.pool import Demand, PoolSize


class Place(NamedTuple):
    """Who asks: an execution's node, or one of its items."""

    execution_id: str
    node: str
    item: int | None


class PoolName(NamedTuple):
    """A pool of the configuration (``pipeline`` is ``""``), or one that a pipeline brings along for its executions."""

    pipeline: str
    name: str


@dataclass
class _Pool:
    size: PoolSize
    line: list[tuple[int, int, Place, Demand]] = field(default_factory=list)
    waiting: dict[Place, int] = field(default_factory=dict)
    """Who stands in line, with their age there: an entry of another age counts no more."""
    used: dict[Place, list[Demand]] = field(default_factory=dict)
    slots: float = 0
    memory: float = 0

    def has_room(self, demand: Demand) -> bool:
        together = Demand(demand.pool, self.slots + demand.slots, self.memory + demand.memory)
        # A demand that is larger than the pool has become (the configuration was edited) runs alone rather than never.
        return together.fits(self.size) or not self.used

    def first(self) -> tuple[Place, Demand] | None:
        while self.line:
            _, age, place, demand = self.line[0]
            if self.waiting.get(place) == age:
                return place, demand
            heappop(self.line)
        return None

    def take(self, place: Place, demand: Demand) -> None:
        del self.waiting[place]
        self.used.setdefault(place, []).append(demand)
        self.slots += demand.slots
        self.memory += demand.memory

    def free(self, place: Place) -> bool:
        held = self.used.get(place)
        if held is None:
            return False
        demand = held.pop()
        if not held:
            del self.used[place]
        self.slots -= demand.slots
        self.memory -= demand.memory
        return True


class ResourceManager:
    """Gives room in order: higher priority first, then age. Whoever is first in a pool's line is waited for, so that a large
    demand is not passed by small ones for ever. ``grant`` is called once for each place that has asked, on any thread."""

    def __init__(self, grant: Callable[[Place], None]) -> None:
        self._grant = grant
        self._pools: dict[PoolName, _Pool] = {}
        self._ages = itertools.count()
        self._lock = threading.Lock()

    def ask(self, place: Place, pool: PoolName, size: PoolSize, demand: Demand, priority: int = 0) -> None:
        """Stand in line; who stood there already goes to its end. A pool has the size that was told last."""
        with self._lock:
            found = self._pools.setdefault(pool, _Pool(size))
            found.size = size
            found.waiting[place] = age = next(self._ages)
            heappush(found.line, (-priority, age, place, demand))
        self._serve([pool])

    def release(self, place: Place) -> None:
        """An attempt that had room needs it no more."""
        with self._lock:
            freed = [name for name, pool in self._pools.items() if pool.free(place)]
        self._serve(freed)

    def forget(self, execution_id: str) -> None:
        """Nobody of an execution stands in line any more. What is at work releases its room when it has ended."""
        with self._lock:
            for pool in self._pools.values():
                for place in [place for place in pool.waiting if place.execution_id == execution_id]:
                    del pool.waiting[place]
            names = list(self._pools)
        self._serve(names)

    def in_use(self) -> Mapping[PoolName, tuple[float, PoolSize, int]]:
        """Slots in use, size, and how many wait, of every pool that was asked for."""
        with self._lock:
            return {name: (pool.slots, pool.size, len(pool.waiting)) for name, pool in self._pools.items()}

    def _serve(self, names: Iterable[PoolName]) -> None:
        granted = []
        with self._lock:
            for pool in (self._pools[name] for name in names):
                while (first := pool.first()) is not None and pool.has_room(first[1]):
                    heappop(pool.line)
                    pool.take(*first)
                    granted.append(first[0])
        for place in granted:
            self._grant(place)
