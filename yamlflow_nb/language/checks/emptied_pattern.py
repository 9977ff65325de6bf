"""A pattern that matches nothing.

**What.** ``event:extract_*.completed`` where no node's id fits, beside the node that says so and finally nodes.

**Why it is wrong.** "At least one of none" is never true, and "all of none" is true at once: neither is what was meant.

**Example**

```yaml
startWhen: all(event:extrct_*.completed)
```

**Fix.** Correct the pattern, or give the nodes ids that it matches. A pattern never matches the node in which it stands, nor
nodes that run after ``pipeline.finishing``.
"""

from __future__ import annotations

from collections.abc import Iterator

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.domain.expression import PatternAtom
from yamlflow_nb.domain.pattern import matching
from yamlflow_nb.language.checks.model import PIPELINE, CheckModel, listed, source_place

CODE = "YF304"
TITLE = "A pattern that matches nothing"
NEEDS_SOUND = True
_MOST_COMPARED = 200


def check(model: CheckModel) -> Iterator[Diagnostic]:
    if not model.patterns:
        return
    late = model.reachability.finally_nodes
    matched = {pattern: matching(pattern, model.positions) for pattern, _ in model.patterns}
    early = {pattern: [name for name in names if name not in late] for pattern, names in matched.items()}
    thin = [(pattern, event) for pattern, event in model.patterns if len(early[pattern]) <= 1]
    for use in model.event_uses(thin):
        if not isinstance(use.atom, PatternAtom):
            continue
        pattern = use.atom.pattern
        own = model.nodes[use.node].id if use.node != PIPELINE else None
        if all(name == own for name in early[pattern]):
            place = source_place(use)
            close = None if matched[pattern] else _near(model, pattern, own)
            fix = (f"write `{close}`", [(place[1], place[2], close)]) if close is not None else None
            hint = f"did you mean `{close}`?" if close is not None else _hint(model, pattern, matched[pattern], own)
            yield model.report(CODE, place, f"the pattern `{pattern}` matches no node", hint=hint, fix=fix)


def _near(model: CheckModel, pattern: str, own: str | None) -> str | None:
    """The nearest pattern that matches: the beginning that several nodes share, else the nearest node."""
    late = model.reachability.finally_nodes
    ids = [name for name in model.positions if name != own and name not in late]
    beginning, star, rest = pattern.partition("*")
    if star and not rest and len(ids) <= _MOST_COMPARED:
        # Names are compared without their `_`: of two that are alike then, the one that ends as the pattern does.
        found = {name[: len(beginning) + more] for name in ids for more in (-1, 0, 1)} - {""}
        close = model.near(beginning, sorted(found, key=lambda name: (name[-1:] != beginning[-1:], name)))
        if close is not None:
            return f"{close}*"
    return model.near(pattern.replace("*", ""), ids)


def _hint(model: CheckModel, pattern: str, matched: list[str], own: str | None) -> str:
    if own in matched:
        rest = [name for name in matched if name != own]
        also = f", and {', '.join(f'`{name}`' for name in rest)} run after `pipeline.finishing`" if rest else ""
        return f"it matches only `{own}`, the node in which it stands{also}"
    if matched:
        return f"it matches only nodes that run after `pipeline.finishing`: {', '.join(f'`{name}`' for name in matched[:8])}"
    return f"the nodes are {listed(model.positions)}"
