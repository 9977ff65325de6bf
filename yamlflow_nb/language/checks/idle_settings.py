"""A setting that does nothing here.

**What.** ``maxParallel``, ``onItemFailure`` or ``maxFailed`` without ``forEach``; ``retry`` with a ``maxDelay`` below its
``delay``; ``cache`` on a node that waits for people or events, or repeats.

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
        retry = node.retry if "retry" in own else None
        if retry is not None and retry.maxDelay is not None and retry.maxDelay < retry.delay:
            place = model.at(("nodes", index, "retry", "maxDelay"))
            message = f"`maxDelay` of `{node.id}` is below its `delay`, so every delay is `maxDelay`"
            yield model.report(CODE, place, message, severity="warning", hint="`maxDelay` caps delays that grow with `backoff`")
        if not own.isdisjoint(_FOR_ITEMS) and not model.is_for_each(index):
            for name in _FOR_ITEMS:
                if name in own:
                    yield _idle(model, index, name, "without `forEach` there are no items")
        if "cache" in own and node.cache:
            if node.repeat is not None:
                yield _idle(model, index, "cache", "a node that repeats asks anew each time")
            elif (kind := model.task_types.get(model.type_name(index) or "")) is not None and kind.waits is not None:
                yield _idle(model, index, "cache", "people and events are awaited each time")


def _idle(model: CheckModel, index: int, name: str, why: str) -> Diagnostic:
    place = model.at(("nodes", index, name))
    return model.report(CODE, place, f"`{name}` of `{model.nodes[index].id}` does nothing", severity="warning", hint=why)
