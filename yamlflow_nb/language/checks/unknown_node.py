"""A node that does not exist.

**What.** ``event:extrct.completed`` or ``{{ extrct.row_count }}`` names something that is no node of this pipeline.

**Why it is wrong.** The event can never be stored and the value never set: the condition would stay open until the end.

**Example**

```yaml
startWhen: event:extrct.completed     # the node is called `extract`
```

**Fix.** Write the id of a node. When one is close, `yamlflow validate --fix` writes it.
"""

from __future__ import annotations

from collections.abc import Iterator

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.domain.expression import EventAtom
from yamlflow_nb.domain.pipeline_definition import RESERVED_NAMES
from yamlflow_nb.language.checks.model import CheckModel, Place, listed, source_place

CODE = "YF301"
TITLE = "A node that does not exist"


def check(model: CheckModel) -> Iterator[Diagnostic]:
    known = model.positions
    bad = [key for key in model.events if key[0] not in known and key[0] not in ("pipeline", "custom")]
    for use in model.event_uses(bad):
        if isinstance(use.atom, EventAtom):
            yield _unknown(model, use.atom.source, source_place(use), [*known, "pipeline", "custom"])
    for read in model.reads:
        root = read.read.path[0] if read.read.path else None
        if isinstance(root, str) and root not in known and root not in RESERVED_NAMES:
            yield _unknown(model, root, model.step(read, 0), [*known, *sorted(RESERVED_NAMES)])


def _unknown(model: CheckModel, name: str, place: Place, candidates: list[str]) -> Diagnostic:
    close = model.near(name, candidates)
    hint = f"did you mean `{close}`?" if close else f"the nodes are {listed(model.positions)}"
    fix = (f"write `{close}`", [(place[1], place[2], close)]) if close else None
    return model.report(CODE, place, f"there is no node `{name}`", hint=hint, fix=fix)
