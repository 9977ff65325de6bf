"""``item`` or ``index`` where there are no items.

**What.** ``item`` and ``index`` are read in a node without ``forEach``, or in an expression that speaks of the whole node
(``startWhen``, ``skipWhen``, ``stopWhen``, ``failWhen``, ``forEach`` itself).

**Why it is wrong.** They stand for one item, in what is done with it: bindings, the task's fields and ``retryWhen``.

**Example**

```yaml
- {id: load, type: python, code: "pass", inputBindings: {n: "{{ item }}"}}     # forEach is missing
```

**Fix.** Give the node a ``forEach``, or read the item in a binding.
"""

from __future__ import annotations

from collections.abc import Iterator

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.language.checks.model import PIPELINE, CheckModel

CODE = "YF309"
TITLE = "`item` where there are no items"
_LEGAL = frozenset({"inputBindings", "field", "retryWhen", "until", "failMessage", "display", "recovery", "cache"})


def check(model: CheckModel) -> Iterator[Diagnostic]:
    for use in model.reads:
        name = use.read.path[0]
        if name not in ("item", "index"):
            continue
        for_each = use.node != PIPELINE and model.is_for_each(use.node)
        if for_each and use.role in _LEGAL:
            continue
        if for_each:
            message = f"`{name}` cannot be read in `{use.role}`: that speaks of the whole node, not of one item"
            hint = "read it in `inputBindings` or in the task's fields"
        else:
            message = f"`{name}` is read, but there is no `forEach` here"
            hint = 'give the node `forEach: "{{ list }}"`, or read another name'
        yield model.report(CODE, (use.path, use.read.start, use.read.end), message, hint=hint)
