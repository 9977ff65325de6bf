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
from yamlflow_nb.domain.document import ScalarNode
from yamlflow_nb.language.checks.model import TRIGGERS, CheckModel, ReadUse
from yamlflow_nb.language.quoting import quoted

CODE = "YF311"
TITLE = "A secret where it could leak"
_FIELDS = ("env", "connection")
_SHOWN = {role: role for role in (*TRIGGERS, "inputBindings", "forEach", "outputs")}
"""Roles that are called as the document calls them; others go by the key that they stand under."""


def check(model: CheckModel) -> Iterator[Diagnostic]:
    for use in model.reads:
        if use.read.path[0] != "secrets":
            continue
        if use.role == "field" and use.where == ("connection",):
            yield _bare_connection(model, use)
            continue
        if use.role == "field" and use.where and use.where[0] in _FIELDS:
            if len(use.read.path) == 1:
                place = (use.path, use.read.start, use.read.end)
                yield model.report(CODE, place, "`secrets` is no value", hint="name one secret: {{ secrets.x }}")
            continue
        where = "in other fields of a task" if use.role == "field" else f"in `{_SHOWN.get(use.role) or use.path[-1]}`"
        yield model.report(
            CODE,
            (use.path, use.read.start, use.read.end),
            f"a secret cannot be read {where}: that is stored and shown",
            hint='give it to the task as `env: {NAME: "{{ secrets.x }}"}`',
        )


def _bare_connection(model: CheckModel, use: ReadUse) -> Diagnostic:
    """``connection: "{{ secrets.url }}"``: only in the mapping the parts are known, so that a secret is quoted and masked."""
    node = model.document.find(use.path) if model.document is not None else None
    text = node.text.strip() if isinstance(node, ScalarNode) else ""
    written = f"{{url: {quoted(text)}}}"
    whole = len(text) == use.expression.end - use.expression.start
    return model.report(
        CODE,
        model.at(use.path) if whole else (use.path, use.read.start, use.read.end),
        "a secret cannot be read in `connection` as one text",
        hint=f"write connection: {written if whole else '{url: ..., user: ..., password: ...}'}",
        replace=(f"write {written}", written) if whole else None,
    )
