"""An input of the pipeline that is not declared.

**What.** ``{{ pipeline.input.mont }}`` where ``inputVariables`` has no ``mont``, or another name behind ``pipeline.``.

**Why it is wrong.** The value can never be there.

**Example**

```yaml
inputVariables: {month: {type: integer}}
nodes:
  - {id: extract, type: sql, query: SELECT :m, inputBindings: {m: "{{ pipeline.input.mont }}"}}
```

**Fix.** Write a declared input's name, or declare it in ``inputVariables``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.domain.document import Path
from yamlflow_nb.language.checks.model import CheckModel

CODE = "YF305"
TITLE = "An input that is not declared"


def check(model: CheckModel) -> Iterator[Diagnostic]:
    yield from _of_schedules(model)
    declared = model.definition.inputVariables
    for use in model.reads:
        path = use.read.path
        if path[0] != "pipeline" or len(path) < 2:
            continue
        if path[1] != "input":
            place = model.step(use, 1)
            close = "input" if model.near(str(path[1]), ["input"]) else None
            inputs = f"pipeline.input.{path[1]}" if path[1] in declared else "pipeline.input.<name>"
            fix = ("write `input`", [(place[1], place[2], "input")]) if close else None
            if path[1] in declared:
                fix = (f"write `{inputs}`", [(place[1], place[2], f"input.{path[1]}")])
            message = f"there is no name `pipeline.{path[1]}`"
            yield model.report(CODE, place, message, hint=f"inputs are read as `{inputs}`", fix=fix)
        elif len(path) > 2 and path[2] not in declared:
            place = model.step(use, 2)
            close = model.near(str(path[2]), declared)
            known = ", ".join(f"`{name}`" for name in declared) or "none"
            yield model.report(
                CODE,
                place,
                f"the pipeline has no input `{path[2]}`",
                hint=f"did you mean `{close}`?" if close else f"declare it in `inputVariables`; declared: {known}",
                fix=(f"write `{close}`", [(place[1], place[2], close)]) if close else None,
            )


def _of_schedules(model: CheckModel) -> Iterator[Diagnostic]:
    """Inputs that a schedule gives and the pipeline does not declare."""
    declared, written = model.definition.inputVariables, model.definition.schedule
    listed = isinstance(written, (list, tuple))
    for number, schedule in enumerate(written if isinstance(written, (list, tuple)) else [written]):
        given = schedule.get("inputs") if isinstance(schedule, Mapping) else None
        if not isinstance(given, Mapping):
            continue
        for name in given:
            if name in declared:
                continue
            path: Path = ("schedule", number, "inputs", name) if listed else ("schedule", "inputs", name)
            close = model.near(name, [other for other in declared if other not in given])
            known = ", ".join(f"`{other}`" for other in declared) or "none"
            yield model.report(
                CODE,
                model.at(path),
                f"the pipeline has no input `{name}`",
                hint=f"did you mean `{close}`?" if close else f"declare it in `inputVariables`; declared: {known}",
                replace=(f"write `{close}`", close) if close else None,
                on_key=True,
            )
