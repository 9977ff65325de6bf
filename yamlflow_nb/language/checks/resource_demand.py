"""More than the pool has.

**What.** A node's ``resources`` ask for more slots than the pool that it names has in the pipeline's ``resources.pools``.

**Why it is wrong.** The node would be queued for ever.

**Example**

```yaml
resources: {pools: {gpu: 1}}
nodes:
  - {id: train, type: python, code: "pass", resources: {pool: gpu, slots: 2}}
```

**Fix.** Ask for less, or enlarge the pool.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.language.checks.model import CheckModel

CODE = "YF322"
TITLE = "More than the pool has"


def check(model: CheckModel) -> Iterator[Diagnostic]:
    pools = (model.definition.resources or {}).get("pools")
    if not isinstance(pools, Mapping):
        return
    for index in range(len(model.nodes)):
        demand = model.setting(index, "resources")
        if not isinstance(demand, Mapping) or not isinstance(demand.get("pool"), str):
            continue
        size = pools.get(demand["pool"])
        if isinstance(size, Mapping):
            size = size.get("slots")
        slots = demand.get("slots", 1)
        if _is_number(size) and _is_number(slots) and slots > size:
            own = "resources" in model.nodes[index].model_fields_set
            path = ("nodes", index, "resources", "slots") if own else ("defaults", "resources", "slots")
            yield model.report(
                CODE,
                model.at(path),
                f"`{model.nodes[index].id}` asks for {slots} slots of the pool `{demand['pool']}`, which has {size}",
                hint="it would be queued for ever; ask for less or enlarge the pool",
            )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
