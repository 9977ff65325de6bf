"""Nodes that wait for each other.

**What.** A circle of waiting, by ``startWhen`` or by names that hold a node (bindings, task fields, ``forEach``,
``skipWhen``). An alternative (``||``) that leads out of the circle makes it none; nodes that stop each other are none either.

**Why it is wrong.** Each waits for the other to begin: none ever does.

**Example**

```yaml
- {id: a, type: python, code: "pass", startWhen: event:b.completed}
- {id: b, type: python, code: "pass", startWhen: event:a.completed}     # a -> b -> a
```

**Fix.** Take one of the steps out, or give it an alternative. ``peek(x)`` in a binding reads without waiting.
"""

from __future__ import annotations

from collections.abc import Iterator

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.language.checks.model import CheckModel

CODE = "YF314"
TITLE = "Nodes that wait for each other"
NEEDS_SOUND = True
_SHOWN = 12


def check(model: CheckModel) -> Iterator[Diagnostic]:
    for circle in model.reachability.circles:
        steps = circle.steps
        names = [step.node for step in steps]
        following = [*names[1:], names[0]]
        if len(names) == 1:
            message = f"`{names[0]}` waits for itself: {circle.text}"
            hint = "a node starts before it has events or outputs of its own"
        else:
            path = circle.text if len(names) <= _SHOWN else " -> ".join([*names[: _SHOWN - 1], "...", names[-1], names[0]])
            message = f"these nodes wait for each other, so none of them ever starts: {path}"
            hint = "take one step out, or give it an alternative with `||`"
        yield model.report(
            CODE,
            steps[0].place,
            message,
            hint=hint,
            related=[
                (f"`{step.node}` waits for `{other}` here", step.place) for step, other in list(zip(steps, following))[1:_SHOWN]
            ],
        )
