"""A condition on a node's own work that reads what comes after it.

**What.** ``failWhen``, ``retryWhen`` or ``until`` of a node reads a name of another node that waits for this one.

**Why it is wrong.** They are looked at while the node is not over yet. They may read the node's own names and settled ones; a
node that waits for this one is never settled by then.

**Example**

```yaml
- {id: train, type: python, code: "pass", failWhen: "{{ test.score < 0.5 }}"}
- {id: test, type: python, code: "pass", startWhen: event:train.completed}
```

**Fix.** Read the node's own outputs, or move the condition to the node that has the value.
"""

from __future__ import annotations

from collections.abc import Iterator

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.domain.expression import And, EventAtom
from yamlflow_nb.language.checks.model import PIPELINE, CheckModel

CODE = "YF313"
TITLE = "A condition that reads what comes after it"
_OVER = frozenset({"completed", "passed", "failed", "finished", "cancelled"})


def check(model: CheckModel) -> Iterator[Diagnostic]:
    for use in model.reads:
        if use.node == PIPELINE or use.role not in ("failWhen", "retryWhen", "until"):
            continue
        other = model.positions.get(str(use.read.path[0]))
        if other is None or other == use.node or not _surely_later(model, other, model.nodes[use.node].id):
            continue
        own = model.nodes[use.node].id
        yield model.report(
            CODE,
            (use.path, use.read.start, use.read.end),
            f"`{use.role}` of `{own}` reads `{use.read.path[0]}`, which starts only after `{own}`",
            hint=f"`{use.role}` may read the node's own outputs and what is settled before it starts",
        )


def _surely_later(model: CheckModel, other: int, own: str) -> bool:
    """Whether a node can neither start nor be skipped before ``own`` is over."""
    if model.written(other).stopWhen is not None:
        return False
    root = model.starts[other].root
    atoms = root.operands if isinstance(root, And) else (root,)
    return all(isinstance(atom, EventAtom) and atom.source == own and atom.event in _OVER for atom in atoms)
