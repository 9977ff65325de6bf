"""A value of the wrong type.

**What.** Where types are declared (inputs, outputs, built-in names), an expression that cannot give what is needed: a condition
that is no boolean, a ``forEach`` that is no list, ``<`` between a text and a number.

**Why it is wrong.** It would be an error in every run: nothing is "truthy", and no text is guessed to be a number.

**Example**

```yaml
outputs: {row_count: integer}
startWhen: "event:extract.completed && {{ extract.row_count }}"
```

**Fix.** Say what is asked: ``{{ extract.row_count > 0 }}``.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.domain.document import Path
from yamlflow_nb.domain.expression import Template, ValueExpression
from yamlflow_nb.domain.pipeline_definition import Recovery
from yamlflow_nb.domain.variable import fits, type_of
from yamlflow_nb.language.assignable import can_hold
from yamlflow_nb.language.checks.model import PIPELINE, CheckModel
from yamlflow_nb.language.derivation import value_atoms
from yamlflow_nb.language.locate import diagnostic_for
from yamlflow_nb.language.static_types import infer

CODE = "YF316"
TITLE = "A value of the wrong type"
_BUILT_IN: dict[Path, str] = {
    ("run", "state"): "string", ("run", "reason"): "string", ("run", "attempts"): "integer", ("run", "error", "type"): "string",
    ("run", "error", "message"): "string", ("run", "outputs"): "object", ("run", "items", "total"): "integer",
    ("run", "items", "completed"): "integer", ("run", "items", "failed"): "integer", ("run", "items", "failed_indexes"): "array",
}  # fmt: skip
_GLOBAL: dict[Path, str] = {
    ("attempt", "number"): "integer", ("attempt", "reason"): "string", ("attempt", "error", "type"): "string",
    ("attempt", "error", "message"): "string", ("attempt", "outputs"): "object", ("system", "execution_id"): "string",
    ("system", "pipeline"): "string", ("system", "round"): "integer", ("system", "workdir"): "string",
    ("system", "outcome"): "string", ("index",): "integer",
}  # fmt: skip


def check(model: CheckModel) -> Iterator[Diagnostic]:
    for node in range(len(model.nodes)):
        for role, trigger in model.triggers(node):
            if "{{" in trigger.text:
                for atom in value_atoms(trigger.root):
                    yield from _condition(model, atom.expression, trigger.path, node, role)
        for role, bound in model.templates(node):
            yield from _problems(model, bound.template, bound.place, node, role)
        yield from _for_each(model, node)
        yield from _recovery(model, node)
    parsed = model.definition.parsed
    if parsed.stop_when is not None:
        for atom in value_atoms(parsed.stop_when.root):
            yield from _condition(model, atom.expression, parsed.stop_when.path, PIPELINE, "stopWhen")
    for name, template in parsed.outputs.items():
        if isinstance(template, Template):
            yield from _problems(model, template, ("outputs", name), PIPELINE, "outputs")


def type_of_template(model: CheckModel, template: Template, node: int) -> str | None:
    """The type that a template gives, as far as it is known."""
    if not template.whole:
        return "string"
    return infer(template.expressions[0], names_of(model, node, "inputBindings"))[0]


def names_of(model: CheckModel, node: int, role: str) -> Callable[[Path], str | None]:
    """The declared types of names, as they are seen from an expression of a node."""
    inputs = model.definition.inputVariables

    def type_of_name(path: Path) -> str | None:
        if path in _GLOBAL:
            return _GLOBAL[path]
        if path[:2] == ("pipeline", "input"):
            declared = inputs.get(str(path[2])) if len(path) == 3 else None
            may_be_left_out = declared is None or not (declared.is_required or declared.default is not None)
            return None if declared is None or may_be_left_out else declared.type
        index = model.positions.get(str(path[0]))
        if index is None or len(path) < 2:
            return None
        if path[1] == "run":
            return _BUILT_IN.get(path[1:])
        if len(path) != 2 or path[1] not in model.outputs(index):
            return None
        if model.is_for_each(index):
            return "array" if index != node or role == "failWhen" else None
        declared_output = model.declared_outputs(index).get(str(path[1]))
        # What may be left unset may also be null.
        return None if declared_output is not None and declared_output.optional else model.outputs(index)[str(path[1])]

    return type_of_name


def _condition(model: CheckModel, expression: ValueExpression, path: Path, node: int, role: str) -> Iterator[Diagnostic]:
    actual, problems = infer(expression, names_of(model, node, role))
    for problem in problems:
        if model.document is not None:
            yield diagnostic_for(model.document, path, problem)
    if not problems and actual not in (None, "any", "boolean"):
        yield model.report(
            CODE,
            (path, expression.start, expression.end),
            f"a condition must give true or false, this gives {with_article(str(actual))}",
            hint=_advice(expression, str(actual)),
        )


def with_article(type_name: str) -> str:
    """``an integer``"""
    return f"{'an' if type_name[0] in 'aeio' else 'a'} {type_name}"


def _advice(expression: ValueExpression, actual: str) -> str:
    text = expression.text.strip()
    return {
        "integer": f"for example `{{{{ {text} > 0 }}}}`",
        "number": f"for example `{{{{ {text} > 0 }}}}`",
        "string": f"for example `{{{{ {text} == '...' }}}}`",
        "array": f"for example `{{{{ len({text}) > 0 }}}}`",
    }.get(actual, "nothing counts as true but true itself")


def _problems(model: CheckModel, template: Template, path: Path, node: int, role: str) -> Iterator[Diagnostic]:
    for expression in template.expressions:
        tree = expression.tree
        if type(tree) is ast.Attribute and type(tree.value) is ast.Name:
            continue  # an output by itself has a type, and neither parts nor operations that could be wrong
        for problem in infer(expression, names_of(model, node, role))[1]:
            if model.document is not None:
                yield diagnostic_for(model.document, path, problem)


def _for_each(model: CheckModel, node: int) -> Iterator[Diagnostic]:
    bound = model.written(node).for_each
    if bound is None:
        return
    actual = type_of_template(model, bound.template, node)
    if actual not in (None, "any", "array"):
        yield model.report(CODE, model.at(bound.place), f"`forEach` needs a list, this gives {with_article(str(actual))}")


def _recovery(model: CheckModel, node: int) -> Iterator[Diagnostic]:
    recovery = model.nodes[node].onFailure
    if not isinstance(recovery, Recovery):
        return
    declared = model.declared_outputs(node)
    for name, value in recovery.outputs.items():
        if name not in declared or (isinstance(value, str) and "{{" in value) or model.is_for_each(node):
            continue
        if not fits(value, declared[name].type) and not can_hold(type_of(value), declared[name].type):
            yield model.report(
                CODE,
                model.at(("nodes", node, "onFailure", "outputs", name)),
                f"output `{name}` of `{model.nodes[node].id}` is declared as {declared[name].type}, this is {type_of(value)}",
            )
