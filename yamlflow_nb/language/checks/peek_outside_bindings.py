"""``peek`` where it would make the order of things matter.

**What.** ``peek(x)`` elsewhere than in ``inputBindings`` and the task's fields.

**Why it is wrong.** ``peek`` gives what is there at this moment. In a condition the outcome would hang on timing.

**Example**

```yaml
startWhen: "{{ peek(train.loss) < 0.1 }}"
```

**Fix.** To let others start early, let the task emit an event (``emits: [converged]``) and wait for ``event:train.converged``.
``stopWhen`` reads the latest values without ``peek``.
"""

from __future__ import annotations

from collections.abc import Iterator

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.language.checks.model import CheckModel

CODE = "YF310"
TITLE = "`peek` where it is not allowed"


def check(model: CheckModel) -> Iterator[Diagnostic]:
    for use in model.reads:
        if use.read.guard == "peek" and use.role not in ("inputBindings", "field"):
            message = f"`peek` is not allowed in `{use.role}`: the outcome would hang on timing"
            hint = "let the task emit an event and wait for that"
            if use.role == "display":
                message = f"`peek` is not allowed in `{use.path[-1]}`"
                hint = "what is shown there shows what is there now by itself"
            if use.role == "stopWhen":
                hint = "`stopWhen` reads the latest values as it is"
            yield model.report(CODE, (use.path, use.read.start, use.read.end), message, hint=hint)
