"""A condition on a node's own work that reads what is not over by then.

**What.** ``failWhen``, ``retryWhen`` or ``until`` of a node reads a name of another node that waits for this one (an error), or
that may still be running, since nothing makes this one wait for it (a warning).

**Why it is wrong.** They are looked at while the node is not over yet. They may read the node's own names and settled ones; what
is not settled by then is an error in that run, also under ``default``.

**Example**

```yaml
- {id: train, type: python, code: "pass", failWhen: "{{ test.score < 0.5 }}"}
- {id: test, type: python, code: "pass", startWhen: event:train.completed}
```

**Fix.** Read the node's own outputs, wait for the other node, or move the condition to the node that has the value.
"""

from __future__ import annotations

from collections.abc import Iterator

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.domain.expression import And, EventAtom
from yamlflow_nb.language.checks.model import PIPELINE, CheckModel, ReadUse
from yamlflow_nb.language.guarding import Guarantees

CODE = "YF313"
TITLE = "A condition that reads what is not over by then"
_OVER = frozenset({"completed", "passed", "failed", "finished", "cancelled"})


def check(model: CheckModel) -> Iterator[Diagnostic]:
    settled = Guarantees(model.definition, model.starts, settled=True)
    for use in model.reads:
        if use.node == PIPELINE or use.role not in ("failWhen", "retryWhen", "until"):
            continue
        other = model.positions.get(str(use.read.path[0]))
        if other is None or other == use.node or use.read.path[1:2] == ("events",):
            continue
        own = model.nodes[use.node].id
        if not _surely_later(model, other, own):
            if not settled.started(use.node, str(use.read.path[0])):
                yield _perhaps(model, use)
            continue
        yield model.report(
            CODE,
            (use.path, use.read.start, use.read.end),
            f"`{use.role}` of `{own}` reads `{use.read.path[0]}`, which starts only after `{own}`",
            hint=f"`{use.role}` may read the node's own outputs and what is settled before it starts",
        )


def _perhaps(model: CheckModel, use: ReadUse) -> Diagnostic:
    own, name = model.nodes[use.node].id, str(use.read.path[0])
    return model.report(
        CODE,
        (use.path, use.read.start, use.read.end),
        f"`{name}` may still be running when `{use.role}` of `{own}` is looked at, which is an error then",
        severity="warning",
        hint=f"let `{own}` wait for `event:{name}.finished`, or bind the value in its `inputBindings`",
    )


def _surely_later(model: CheckModel, other: int, own: str) -> bool:
    """Whether a node can neither start nor be skipped before ``own`` is over."""
    if model.written(other).stopWhen is not None:
        return False
    root = model.starts[other].root
    atoms = root.operands if isinstance(root, And) else (root,)
    return all(isinstance(atom, EventAtom) and atom.source == own and atom.event in _OVER for atom in atoms)
