"""Bindings that do not fit the task's inputs.

**What.** A node binds an input that its task does not declare, leaves out one that must be given, or gives one a value of
another type. A task that declares no ``inputs`` takes any.

**Why it is wrong.** The task would fail, or not see the value, in every run.

**Example**

```yaml
taskDefinitions:
  q: {type: sql, query: "SELECT :month", inputs: {month: {type: integer}}}
nodes:
  - {id: extract, taskDefinition: q, inputBindings: {mont: 1}}
```

**Fix.** Bind the inputs by their names; one that may be left out has a ``default`` or ``required: false``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.domain.document import Path
from yamlflow_nb.domain.task_definition import InputDeclaration
from yamlflow_nb.domain.variable import fits, type_of
from yamlflow_nb.language.assignable import can_hold
from yamlflow_nb.language.checks.model import CheckModel
from yamlflow_nb.language.checks.type_mismatch import type_of_template, with_article

CODE = "YF317"
TITLE = "Bindings that do not fit the task's inputs"


def check(model: CheckModel) -> Iterator[Diagnostic]:
    for node in range(len(model.nodes)):
        task = model.task(node)
        if task is not None and task.inputs is not None:
            yield from check_bindings(model, node, task.inputs, CODE, f"task `{task.name}`")


def check_bindings(
    model: CheckModel, node: int, inputs: Mapping[str, InputDeclaration], code: str, whose: str
) -> Iterator[Diagnostic]:
    """What is wrong between a node's bindings and the inputs of its task or child pipeline."""
    given: Mapping[str, Any] = model.setting(node, "inputBindings") or {}
    base: Path = ("nodes", node, "inputBindings")
    for name, value in given.items():
        if name not in inputs:
            yield _unknown(model, (*base, name), name, inputs, given, code, whose)
            continue
        actual = _type_given(model, node, name, value)
        declared = inputs[name].type
        if not (fits(value, declared) and _is_constant(value)) and not can_hold(actual, declared):
            message = f"input `{name}` of {whose} is {with_article(declared)}, this is {with_article(str(actual))}"
            yield model.report(code, model.at((*base, name)), message)
    missing = [name for name, declared in inputs.items() if declared.is_required and name not in given]
    if missing:
        names = ", ".join(f"`{name}`" for name in missing)
        place = model.at(base if given else ("nodes", node, "id"))
        yield model.report(
            code,
            place,
            f"`{model.nodes[node].id}` does not bind {names} of {whose}",
            hint=f"`inputBindings: {{{missing[0]}: ...}}`; an input with a `default` may be left out",
        )


def _is_constant(value: Any) -> bool:
    return not isinstance(value, str) or "{{" not in value


def _type_given(model: CheckModel, node: int, name: str, value: Any) -> str | None:
    for bound in model.written(node).bindings:
        if bound.path == (name,):
            return type_of_template(model, bound.template, node)
    return type_of(value)


def _unknown(
    model: CheckModel,
    path: Path,
    name: str,
    inputs: Mapping[str, InputDeclaration],
    given: Mapping[str, Any],
    code: str,
    whose: str,
) -> Diagnostic:
    close = model.near(name, [other for other in inputs if other not in given])
    key = model.document.key_at(path) if model.document is not None else None
    known = ", ".join(f"`{other}`" for other in inputs) or "none"
    return model.report(
        code,
        model.at(path),
        f"{whose} has no input `{name}`",
        hint=f"did you mean `{close}`?" if close else f"its inputs: {known}",
        replace=(f"write `{close}`", close) if close and key is not None else None,
        on_key=True,
    )
