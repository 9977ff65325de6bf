"""An event that the node never stores.

**What.** The event behind ``event:NODE.`` is no built-in event and not declared by the node, or it is one that only another
type of task has (``approved`` and ``rejected`` are an approval's). The same for ``NODE.events.NAME`` in a value expression,
and for the events of ``pipeline``.

**Why it is wrong.** It would never come; a typo would look like a condition that is not met.

**Example**

```yaml
startWhen: event:extract.complete     # it is `completed`
```

**Fix.** Write a built-in event, or declare the node's own with ``emits: [name]``. When one is close, `--fix` writes it.
"""

from __future__ import annotations

from collections.abc import Iterator

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.domain.expression import EventAtom
from yamlflow_nb.domain.pattern import matching
from yamlflow_nb.domain.pipeline_definition import BUILT_IN_EVENTS, PIPELINE_EVENTS
from yamlflow_nb.language.checks.model import CheckModel, Place, event_place

CODE = "YF302"
TITLE = "An event that is never stored"
_ONLY_SOME_TYPES = ("approved", "rejected")
_MEANT = {
    "success": "completed", "succeeded": "completed", "successful": "completed", "done": "completed", "ok": "completed",
    "end": "finished", "ended": "finished", "over": "finished", "terminated": "finished", "fail": "failed", "failure": "failed",
    "error": "failed", "errored": "failed", "start": "started", "begin": "started", "running": "started", "timeout": "timed_out",
    "timedout": "timed_out", "skip": "skipped", "canceled": "cancelled", "aborted": "cancelled", "retry": "retrying",
    "upstream_failed": "blocked",
}  # fmt: skip
"""What other products call the built-in events."""
_ALL = frozenset(BUILT_IN_EVENTS) - set(_ONLY_SOME_TYPES)


def check(model: CheckModel) -> Iterator[Diagnostic]:
    known = model.positions
    bad = [
        (source, event)
        for source, event in model.events
        if (source == "pipeline" and event not in PIPELINE_EVENTS)
        or (event not in _ALL and source in known and not can_store(model, known[source], event))
    ]
    for use in model.event_uses(bad):
        if isinstance(use.atom, EventAtom):
            yield _unknown(model, use.atom.source, use.atom.event, event_place(use))
    silent = [
        (pattern, event)
        for pattern, event in model.patterns
        if event not in _ALL
        and not any(can_store(model, known[name], event) for name in matching(pattern, known))
        # A pattern without nodes is another rule's finding.
        and matching(pattern, known)
    ]
    for use in model.event_uses(silent):
        if not isinstance(use.atom, EventAtom):
            yield _nobody(model, use.atom.pattern, use.atom.event, event_place(use))
    for read in model.reads:
        path = read.read.path
        if len(path) > 2 and path[1] == "events" and path[0] in known and path[2] not in model.emits(known[str(path[0])]):
            yield _unknown(model, str(path[0]), str(path[2]), model.step(read, 2), payload=True)


def can_store(model: CheckModel, node: int, event: str) -> bool:
    """Whether a node of its type, with its ``emits``, can store an event."""
    if event in _ALL or event in model.emits(node):
        return True
    kind = model.task_type(node)
    return event in _ONLY_SOME_TYPES and (kind is None or event in kind.events)


def _unknown(model: CheckModel, source: str, event: str, place: Place, payload: bool = False) -> Diagnostic:
    if source == "pipeline":
        candidates = list(PIPELINE_EVENTS)
    else:
        node = model.positions[source]
        candidates = list(model.emits(node))
        if not payload:
            candidates += [name for name in BUILT_IN_EVENTS if can_store(model, node, name)]
    close = _meant(model, event, candidates)
    fix = (f"write `{close}`", [(place[1], place[2], close)]) if close else None
    if close:
        hint = f"did you mean `{close}`?"
    elif event in _ONLY_SOME_TYPES:
        hint = f"`{event}` is an event of approvals; `{source}` is not one"
    elif source == "pipeline":
        hint = f"the pipeline's events are {', '.join(PIPELINE_EVENTS)}"
    else:
        hint = f"an event of its own is declared by the node: `emits: [{event}]` in `{source}`"
    what = "the pipeline" if source == "pipeline" else f"node `{source}`"
    message = f"{what} does not emit `{event}`" if payload else f"{what} has no event `{event}`"
    return model.report(CODE, place, message, hint=hint, fix=fix)


def _meant(model: CheckModel, event: str, candidates: list[str]) -> str | None:
    """The event that is meant: one that looks like it, or what other products call so."""
    meant = _MEANT.get(event)
    if meant == "finished" and "finishing" in candidates and meant not in candidates:
        meant = "finishing"
    return meant if meant in candidates else model.near(event, candidates)


def _nobody(model: CheckModel, pattern: str, event: str, place: Place) -> Diagnostic:
    names = matching(pattern, model.positions)
    candidates = dict.fromkeys([*BUILT_IN_EVENTS, *(emitted for name in names for emitted in model.emits(model.positions[name]))])
    close = _meant(model, event, [name for name in candidates if name != event])
    fix = (f"write `{close}`", [(place[1], place[2], close)]) if close else None
    hint = f"did you mean `{close}`?" if close else f"an event of its own is declared by a node: `emits: [{event}]`"
    message = f"none of the {len(names)} nodes that `{pattern}` matches has an event `{event}`"
    return model.report(CODE, place, message, hint=hint, fix=fix)
