"""A setting that does nothing here.

**What.** ``maxParallel``, ``onItemFailure`` or ``maxFailed`` without ``forEach``.

**Why it is wrong.** It reads as if something were limited that is not.

**Example**

```yaml
- {id: load, type: python, code: "pass", maxParallel: 4}
```

**Fix.** Add the ``forEach``, or take the setting away.
"""

from __future__ import annotations

from collections.abc import Iterator

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.language.checks.model import CheckModel

CODE = "YF320"
TITLE = "A setting that does nothing here"
_FOR_ITEMS = ("maxParallel", "onItemFailure", "maxFailed")


def check(model: CheckModel) -> Iterator[Diagnostic]:
    for index, node in enumerate(model.nodes):
        own = node.model_fields_set
        if not own.isdisjoint(_FOR_ITEMS) and not model.is_for_each(index):
            for name in _FOR_ITEMS:
                if name in own:
                    yield _idle(model, index, name, "without `forEach` there are no items")


def _idle(model: CheckModel, index: int, name: str, why: str) -> Diagnostic:
    place = model.at(("nodes", index, name))
    return model.report(CODE, place, f"`{name}` of `{model.nodes[index].id}` does nothing", severity="warning", hint=why)
