"""A built-in name that does not exist.

**What.** A name behind ``NODE.run.``, ``system.`` or ``attempt.`` that is not one of theirs.

**Why it is wrong.** The sets are fixed; the value would be absent in every run.

**Example**

```yaml
startWhen: "event:a.finished && {{ a.run.status == 'failed' }}"     # it is `state`
```

**Fix.** Write one of the names listed in the hint. ``run.items`` is there for nodes with ``forEach`` alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.domain.document import Path
from yamlflow_nb.language.checks.model import CheckModel, ReadUse, dotted

CODE = "YF307"
TITLE = "A built-in name that does not exist"
Names = Mapping[str, Any]
"""The names behind a dot; what stands behind each of them, or None."""
_ERROR: Names = {"type": None, "message": None}
RUN: Names = {
    "state": None, "reason": None, "error": _ERROR, "attempts": None, "duration": None, "outputs": None,
    "items": {"total": None, "completed": None, "failed": None, "failed_indexes": None},
}  # fmt: skip
SYSTEM: Names = {
    "execution_id": None, "pipeline": None, "version": None, "started_at": None, "scheduled_for": None, "initiator": None,
    "round": None, "workdir": None, "outcome": None,
}  # fmt: skip
ATTEMPT: Names = {"number": None, "reason": None, "error": _ERROR, "exit_code": None, "duration": None, "outputs": None}


_MEANT = {"status": "state", "result": "state", "cause": "reason", "tries": "attempts", "took": "duration", "id": "execution_id"}
_GROUPS = frozenset({("pipeline",), ("pipeline", "input"), ("system",), ("custom",), ("attempt",)})
_EVENT = re.compile(r"[a-z][a-z0-9_]*\Z")


def check(model: CheckModel) -> Iterator[Diagnostic]:
    for use in model.reads:
        path = use.read.path
        if _is_group(model, path) and not _goes_on(use):
            yield _no_value(model, use)
        elif path[0] == "custom" and len(path) > 1 and not _EVENT.match(str(path[1])):
            message = f"no event can be called `custom.{path[1]}`"
            yield model.report(
                CODE, model.step(use, 1), message, hint="events have names such as custom.go: small letters, digits, _"
            )
        elif path[0] == "system":
            yield from _walk(model, use, SYSTEM, 1)
        elif path[0] == "attempt":
            yield from _walk(model, use, ATTEMPT, 1)
        elif len(path) > 2 and path[1] == "run" and path[0] in model.positions:
            yield from _walk(model, use, RUN, 2)
            if path[2] == "items" and not model.is_for_each(model.positions[str(path[0])]):
                message = f"`{path[0]}` has no `forEach`, so it has no `run.items`"
                yield model.report(CODE, model.step(use, 2), message, hint="only nodes with `forEach` have items")


def _is_group(model: CheckModel, path: Path) -> bool:
    return path in _GROUPS or (len(path) == 2 and path[1] in ("run", "events") and path[0] in model.positions)


def _goes_on(use: ReadUse) -> bool:
    """Whether a computed step follows: ``system["ro" + "und"]``."""
    inner = use.read.end - use.expression.start - len("{{")
    return use.expression.text[inner:].lstrip().startswith("[")


def _no_value(model: CheckModel, use: ReadUse) -> Diagnostic:
    path, name = use.read.path, dotted(use.read.path)
    behind = {"system": SYSTEM, "attempt": ATTEMPT, "run": RUN}.get(str(path[-1]))
    hint = f"`{name}` has {', '.join(behind)}" if behind else f"name what is meant: `{name}.<name>`"
    return model.report(CODE, (use.path, use.read.start, use.read.end), f"`{name}` is a group of names, not a value", hint=hint)


def _walk(model: CheckModel, use: ReadUse, names: Names, first: int) -> Iterator[Diagnostic]:
    path = use.read.path
    known: Names | None = names
    for number in range(first, len(path)):
        if known is None:
            return
        if path[number] not in known:
            place = model.step(use, number)
            meant = _MEANT.get(str(path[number]))
            close = meant if meant in known else model.near(str(path[number]), known)
            before = dotted(path[:number])
            yield model.report(
                CODE,
                place,
                f"there is no name `{dotted(path[: number + 1])}`",
                hint=f"did you mean `{before}.{close}`?" if close else f"`{before}` has {', '.join(known)}",
                fix=(f"write `{close}`", [(place[1], place[2], close)]) if close else None,
            )
            return
        known = known[str(path[number])]
