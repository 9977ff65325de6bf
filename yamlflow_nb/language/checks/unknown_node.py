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
from yamlflow_nb.language.checks.model import CheckModel, Place, ReadUse, listed, source_place

CODE = "YF301"
TITLE = "A node that does not exist"
_GROUPS = ("input", "inputs", "params", "parameters", "inputVariables", "vars", "variables")
"""What inputs are called in front of their name elsewhere."""


def check(model: CheckModel) -> Iterator[Diagnostic]:
    known = model.positions
    bad = [key for key in model.events if key[0] not in known and key[0] not in ("pipeline", "custom")]
    for use in model.event_uses(bad):
        if isinstance(use.atom, EventAtom):
            yield _unknown(model, use.atom.source, source_place(use), [*known, "pipeline", "custom"])
    for read in model.reads:
        root = read.read.path[0] if read.read.path else None
        if isinstance(root, str) and root not in known and root not in RESERVED_NAMES:
            yield _as_input(model, read) or _unknown(model, root, model.step(read, 0), [*known, *sorted(RESERVED_NAMES)])


def _as_input(model: CheckModel, use: ReadUse) -> Diagnostic | None:
    """``{{ month }}``, ``{{ input.month }}``: an input of the pipeline without its whole name; None where it is none."""
    path, inputs = use.read.path, model.definition.inputVariables
    number = 1 if len(path) > 1 and path[0] in _GROUPS else 0
    name = path[number]
    if name not in inputs or (number == 0 and len(path) > 1 and inputs[str(name)].type not in ("object", "file", "any")):
        return None
    start, end = model.step(use, 0)[1], model.step(use, number)[2]
    written = f"pipeline.input.{name}"
    hint = f"an input is read as `{written}`"
    fix = (f"write `{written}`", [(start, end, written)])
    return model.report(CODE, (use.path, start, end), f"there is no node `{path[0]}`", hint=hint, fix=fix)


def _unknown(model: CheckModel, name: str, place: Place, candidates: list[str]) -> Diagnostic:
    close = model.near(name, candidates)
    hint = f"did you mean `{close}`?" if close else f"the nodes are {listed(model.positions)}"
    fix = (f"write `{close}`", [(place[1], place[2], close)]) if close else None
    return model.report(CODE, place, f"there is no node `{name}`", hint=hint, fix=fix)
