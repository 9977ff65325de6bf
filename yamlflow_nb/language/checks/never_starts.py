"""A node that can never start.

**What.** No course of events makes the node's ``startWhen`` true: it asks for events that exclude each other
(``event:a.completed && event:a.failed``), for more than a list can give (``count(...) >= 5`` of three), for what is always
false, or for an event that cannot come. ``startWhen: false`` is how a node is disabled, and no error; what waits for a
disabled node is none either.

**Why it is wrong.** The node would be skipped in every run, and with it all that waits for it.

**Example**

```yaml
startWhen: event:a.completed && event:a.failed
```

**Fix.** ``||`` where either is enough; ``event:a.finished`` where it only matters that it is over.
"""

from __future__ import annotations

from collections.abc import Iterator

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.language.checks.model import CheckModel
from yamlflow_nb.language.circles import Hindrance

CODE = "YF315"
TITLE = "A node that can never start"
NEEDS_SOUND = True
_SHOWN = 5


def check(model: CheckModel) -> Iterator[Diagnostic]:
    found = model.reachability
    dead = {model.positions[name] for name in found.dead}
    waiting: dict[int, list[int]] = {}
    roots: dict[int, Hindrance | None] = {}
    for index in sorted(dead):
        hindrances = found.hindrances[model.nodes[index].id]
        for hindrance in hindrances:
            if hindrance.waits_for in dead:
                waiting.setdefault(hindrance.waits_for, []).append(index)
        own = [hindrance for hindrance in hindrances if hindrance.waits_for is None]
        if own or not any(hindrance.waits_for in dead for hindrance in hindrances):
            roots[index] = next(iter(own or hindrances), None)
    for index, cause in roots.items():
        yield _report(model, index, cause, _downstream(index, waiting))


def _downstream(index: int, waiting: dict[int, list[int]]) -> list[int]:
    """The nodes that wait for one in vain, through others too."""
    seen = {index}
    frontier = [index]
    while frontier:
        frontier = [node for other in frontier for node in waiting.get(other, ()) if node not in seen and not seen.add(node)]  # type: ignore[func-returns-value]
    return sorted(seen - {index})


def _report(model: CheckModel, index: int, cause: Hindrance | None, downstream: list[int]) -> Diagnostic:
    name = model.nodes[index].id
    place = cause.place if cause is not None else model.at(("nodes", index))
    why, hint = _reason(model, name, cause)
    if downstream:
        names = ", ".join(f"`{model.nodes[node].id}`" for node in downstream[:_SHOWN])
        more = f" and {len(downstream) - _SHOWN} more" if len(downstream) > _SHOWN else ""
        hint = f"{hint}; {names}{more} {'wait' if len(downstream) > 1 else 'waits'} for it in vain"
    return model.report(CODE, place, f"`{name}` can never start: {why}", hint=hint)


def _reason(model: CheckModel, name: str, cause: Hindrance | None) -> tuple[str, str]:
    if cause is None:
        return "nothing makes its `startWhen` true", "look at what it waits for"
    if cause.kind == "contradiction":
        return "this asks for events of one node that exclude each other", "`||` is either of them; `finished` is any end"
    if cause.kind == "count":
        events = "1 event" if cause.text == "1" else f"{cause.text} events"
        return f"the list stands for {events}, so this is never true", "correct the number or the list"
    if cause.kind == "constant":
        return "this is never true", "`startWhen: false` alone is how a node is disabled"
    if cause.kind == "event":
        if cause.text.startswith("!"):
            return f"`{cause.text[1:]}` always comes", "leave it out"
        return f"`{cause.text}` is never stored", "a node with `onFailure: {outputs: ...}` counts as completed when it fails"
    target = model.nodes[cause.waits_for].id if cause.waits_for is not None else name
    return f"`{cause.text or target}` comes only after `{name}`", "take this step out, or give it an alternative with `||`"
