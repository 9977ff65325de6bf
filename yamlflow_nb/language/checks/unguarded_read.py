"""A value that may not be there (a warning).

**What.** An output is read where nothing says that its node has completed: neither ``event:a.completed`` in the same
conjunction, nor the node's ``startWhen``, nor ``default``, ``coalesce`` or ``defined``.

**Why it is bad.** When that node fails or is skipped the value is absent, and reading it fails this node too.

**Example**

```yaml
startWhen: "event:b.completed && {{ a.n > 0 }}"
```

**Fix.** ``event:a.completed && {{ a.n > 0 }}`` is plainly false when `a` did not complete; ``{{ a.n | default(0) > 0 }}`` goes
on without it.
"""

from __future__ import annotations

from collections.abc import Iterator

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.domain.document import Path
from yamlflow_nb.domain.expression import And, NameRead, Or, TriggerExpression, TriggerNode, ValueAtom, ValueExpression
from yamlflow_nb.language.checks.model import CheckModel, Edits, dotted, event_atoms
from yamlflow_nb.language.derivation import holding_templates, value_atoms
from yamlflow_nb.language.guarding import Guarantees, guards_around

CODE = "YF319"
TITLE = "A value that may not be there"
NEEDS_SOUND = True


def check(model: CheckModel) -> Iterator[Diagnostic]:
    guarantees = Guarantees(model.definition, model.starts)
    for node, written in enumerate(model.definition.parsed.nodes):
        if written.startWhen is None:
            # A derived start waits for what is read as it is.
            continue
        told: set[str] = set()
        if "{{" in written.startWhen.text:
            yield from _in_trigger(model, guarantees, node, written.startWhen, None, told)
        for bound in holding_templates(written):
            for expression in bound.template.expressions:
                for read in _open_reads(model, node, expression):
                    source = str(read.path[0])
                    if source in told or guarantees.started(node, source):
                        continue
                    skip = written.skipWhen
                    if skip is not None and (guarantees.implies(skip.root, False, source) or _speaks_of(skip.root, read)):
                        continue
                    told.add(source)
                    yield _report(model, node, bound.place, read, _at_front(model, node, source))
        if written.skipWhen is not None and "{{" in written.skipWhen.text:
            yield from _in_trigger(model, guarantees, node, written.skipWhen, written.startWhen, told)


def _in_trigger(
    model: CheckModel,
    guarantees: Guarantees,
    node: int,
    trigger: TriggerExpression,
    start: TriggerExpression | None,
    told: set[str],
) -> Iterator[Diagnostic]:
    for atom, around, negated in guards_around(trigger.root):
        in_atom: set[str] = set()
        for read in _open_reads(model, node, atom.expression):
            source = str(read.path[0])
            if source in in_atom or any(guarantees.implies(part, truth, source) or _beside(part, read) for part, truth in around):
                continue
            if start is not None and (source in told or guarantees.started(node, source)):
                continue
            fix: tuple[str, Edits] | None = None
            if not negated and not (start is None and _names(trigger.root, source)):
                guard = f"event:{source}.completed && "
                fix = (f"write `{guard}` before it", [(atom.start, atom.start, guard)])
            told.add(source)
            in_atom.add(source)
            yield _report(model, node, trigger.path, read, None if fix is None else (*fix, trigger.path))


def _open_reads(model: CheckModel, node: int, expression: ValueExpression) -> Iterator[NameRead]:
    """The outputs of other nodes that an expression needs and does not itself ask about."""
    for read in expression.reads:
        if read.guard != "plain" or len(read.path) < 2 or read.path[1] in ("run", "events"):
            continue
        source = model.positions.get(str(read.path[0]))
        if source is not None and source != node and not _asks_about(expression, read):
            yield read


def _asks_about(expression: ValueExpression, read: NameRead) -> bool:
    """``defined(a.n) and a.n > 0``, ``a.run.state == 'completed' and a.n > 0``."""
    for other in expression.reads:
        about = other.path[1:2] == ("run",) or (other.guard == "default" and _overlap(other.path, read.path))
        if about and other.path[0] == read.path[0]:
            return True
    return False


def _overlap(one: Path, other: Path) -> bool:
    return all(left == right for left, right in zip(one, other))


def _beside(part: TriggerNode, read: NameRead) -> bool:
    """Whether another value atom beside it asks about the name: ``{{ defined(a.n) }} && {{ a.n > 0 }}``."""
    operands = part.operands if isinstance(part, (And, Or)) else (part,)
    return any(isinstance(operand, ValueAtom) and _asks_about(operand.expression, read) for operand in operands)


def _speaks_of(root: TriggerNode, read: NameRead) -> bool:
    return any(_asks_about(atom.expression, read) for atom in value_atoms(root))


def _names(root: TriggerNode, source: str) -> bool:
    return any(getattr(atom, "source", None) == source for atom in event_atoms(root))


def _at_front(model: CheckModel, node: int, source: str) -> tuple[str, Edits, Path] | None:
    """The edit of ``startWhen`` that makes the node wait for the value, where the node says nothing of its source yet."""
    start = model.starts[node]
    if not start.path or start.path[0] != "nodes" or _names(start.root, source):
        return None
    guard = f"event:{source}.completed && "
    edits = [(start.root.start, start.root.start, guard)]
    if isinstance(start.root, Or):
        edits = [(start.root.start, start.root.start, f"{guard}("), (start.root.end, start.root.end, ")")]
    return f"wait for `event:{source}.completed` too", edits, start.path


def _report(model: CheckModel, node: int, path: Path, read: NameRead, fix: tuple[str, Edits, Path] | None) -> Diagnostic:
    source = str(read.path[0])
    return model.report(
        CODE,
        (path, read.start, read.end),
        f"`{dotted(read.path)}` may be absent: nothing here says that `{source}` has completed",
        severity="warning",
        hint=f"`event:{source}.completed &&` before it, or `{dotted(read.path)} | default(...)`",
        fix=(fix[0], fix[1]) if fix is not None else None,
        fix_path=fix[2] if fix is not None else None,
    )
