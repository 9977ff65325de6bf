"""A secret where it could leak.

**What.** ``{{ secrets.NAME }}`` elsewhere than in ``env:`` and ``connection:`` of a task.

**Why it is wrong.** Bindings, conditions, titles and outputs are stored and shown. A secret is resolved inside the task and is
masked in all that is written.

**Example**

```yaml
inputBindings: {token: "{{ secrets.api }}"}
```

**Fix.** ``env: {TOKEN: "{{ secrets.api }}"}``, or ``secrets: [api]`` and ``yamlflow_nb.secret("api")`` in the task.
"""

from __future__ import annotations

from collections.abc import Iterator

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.language.checks.model import CheckModel

CODE = "YF311"
TITLE = "A secret where it could leak"
_FIELDS = ("env", "connection")


def check(model: CheckModel) -> Iterator[Diagnostic]:
    for use in model.reads:
        if use.read.path[0] != "secrets":
            continue
        if use.role == "field" and use.where and use.where[0] in _FIELDS:
            continue
        where = "in other fields of a task" if use.role == "field" else f"in `{use.role}`"
        yield model.report(
            CODE,
            (use.path, use.read.start, use.read.end),
            f"a secret cannot be read {where}: that is stored and shown",
            hint='give it to the task as `env: {NAME: "{{ secrets.x }}"}`',
        )
