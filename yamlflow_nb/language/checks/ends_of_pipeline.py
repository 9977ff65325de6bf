"""Waiting for the end of the pipeline.

**What.** ``event:pipeline.completed``, ``.failed`` or ``.cancelled`` in an expression.

**Why it is wrong.** They are stored when everything is over: what waits for them can no longer run.

**Example**

```yaml
startWhen: event:pipeline.completed
```

**Fix.** ``event:pipeline.finishing`` comes when all other work is done; ``{{ system.outcome == 'completed' }}`` beside it asks how
it went.
"""

from __future__ import annotations

from collections.abc import Iterator

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.language.checks.model import CheckModel, event_place

CODE = "YF303"
TITLE = "Waiting for the end of the pipeline"
ENDS = ("completed", "failed", "cancelled")


def check(model: CheckModel) -> Iterator[Diagnostic]:
    for use in model.event_uses([("pipeline", event) for event in ENDS if ("pipeline", event) in set(model.events)]):
        place = event_place(use)
        instead = f"`event:pipeline.finishing && {{{{ system.outcome == '{use.atom.event}' }}}}`"
        yield model.report(
            CODE,
            place,
            f"nothing can wait for `pipeline.{use.atom.event}`: it is stored when the run is over",
            hint=f"{instead} starts after all other work, when it ended so",
            fix=("write `pipeline.finishing`", [(place[1], place[2], "finishing")]),
        )
