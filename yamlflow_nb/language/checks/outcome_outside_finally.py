"""``system.outcome`` before there is one.

**What.** ``system.outcome`` is read by a node that runs before ``pipeline.finishing``, or by the pipeline itself.

**Why it is wrong.** How the run went is settled when all other work is done. It is legal in finally nodes only.

**Example**

```yaml
failWhen: "{{ system.outcome == 'failed' }}"
```

**Fix.** Read it in a node with ``startWhen: event:pipeline.finishing``.
"""

from __future__ import annotations

from collections.abc import Iterator

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.language.checks.model import PIPELINE, CheckModel

CODE = "YF312"
TITLE = "`system.outcome` before there is one"
NEEDS_SOUND = True


def check(model: CheckModel) -> Iterator[Diagnostic]:
    for use in model.reads:
        if use.read.path[:2] != ("system", "outcome") or use.role in ("display", "notifications"):
            continue
        if use.node == PIPELINE or model.nodes[use.node].id not in model.reachability.finally_nodes:
            yield model.report(
                CODE,
                (use.path, use.read.start, use.read.end),
                "`system.outcome` can be read in finally nodes only",
                hint="a node with `startWhen: event:pipeline.finishing` is one",
            )
