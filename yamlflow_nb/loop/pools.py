"""Which pools there are for an execution, and how large: the pipeline's own, then the configuration's, then the machine."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from yamlflow_nb.domain.execution_plan import ExecutionPlan
from yamlflow_nb.domain.pool import DEFAULT_POOL, PoolSize, amount
from yamlflow_nb.domain.ports.settings import Settings
from yamlflow_nb.infrastructure.resource_manager import PoolName


class Pools:
    """Sizes of pools. ``slots`` is what the default pool has where nobody says: as many as tasks run side by side."""

    def __init__(self, settings: Settings, slots: int) -> None:
        self._settings = settings
        self._default = PoolSize(slots, _memory_of_machine())

    def find(self, plan: ExecutionPlan, folder: Path, name: str) -> tuple[PoolName, PoolSize] | None:
        """A pool and its size; None where there is none of this name. Raises ``ConfigurationError``."""
        own = (plan.definition.resources or {}).get("pools", {})
        if name in own:
            return PoolName(plan.definition.qualified_name, name), _size(own[name])
        shared = self._settings.pools(folder).get(name)
        if shared is None and name == DEFAULT_POOL:
            shared = self._default
        return None if shared is None else (PoolName("", name), shared)

    def problems(self, plan: ExecutionPlan, folder: Path) -> Iterator[tuple[str, str]]:
        """Why nodes of a plan could never have room: a message and a hint for each."""
        for planned in plan.nodes:
            demand = planned.demand
            found = None if demand is None else self.find(plan, folder, demand.pool)
            if demand is None or (found is not None and demand.fits(found[1])):
                continue
            if found is None:
                known = ", ".join(sorted({*self._settings.pools(folder), DEFAULT_POOL}))
                yield (
                    f"`{planned.id}` asks for room in the pool `{demand.pool}`, and there is none of this name",
                    f"pools: {known}; add it to [pools] of yamlflow.toml, or to the pipeline's resources: {{pools: …}}",
                )
            else:
                size = found[1]
                memory = "" if size.memory is None else f" and {size.memory:.0f} bytes of memory"
                yield (
                    f"`{planned.id}` asks for {demand.slots:g} slots and {demand.memory:.0f} bytes of the pool `{demand.pool}`",
                    f"it has {size.slots:g} slots{memory}: the node would be queued for ever",
                )


def _size(told: Any) -> PoolSize:
    """A pool of a pipeline: a number of slots, or a mapping."""
    if not isinstance(told, Mapping):
        return PoolSize(told)
    return PoolSize(told.get("slots", float("inf")), None if told.get("memory") is None else amount(told["memory"]))


def _memory_of_machine() -> float | None:
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):  # Windows has no such question
        return None
