"""A value of a node where none has run.

**What.** ``concurrency.group`` or ``schedule.inputs`` read an output of a node, an event's payload or ``item``.

**Why it is wrong.** They are looked at before the execution begins: then no node has any.

**Example**

```yaml
concurrency: {limit: 1, group: "{{ extract.month }}"}
```

**Fix.** Read ``pipeline.input.<name>`` in a group; ``system.scheduled_for`` in the inputs of a schedule.
"""

from __future__ import annotations

from collections.abc import Iterator

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.language.checks.model import CheckModel

CODE = "YF325"
TITLE = "A value of a node where none has run"
_READ = {"concurrency": "`pipeline.input.<name>`", "schedule": "`system.scheduled_for`"}


def check(model: CheckModel) -> Iterator[Diagnostic]:
    if model.definition.concurrency is None and model.definition.schedule is None:
        return
    for use in model.reads:
        first = use.read.path[0]
        before = use.role == "schedule" and use.read.path[:2] == ("pipeline", "input")
        if use.role in _READ and (first in model.positions or first == "custom" or before):
            yield model.report(
                CODE,
                (use.path, use.read.start, use.read.end),
                f"`{use.role}` is looked at before the execution begins: there is no value of `{first}` yet",
                hint=f"read {_READ[use.role]} there",
            )
