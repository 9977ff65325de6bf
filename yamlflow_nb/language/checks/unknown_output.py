"""An output that the node does not have.

**What.** ``{{ extract.row_cout }}`` where the outputs of ``extract`` are known: those that its type always has and those that
are declared in ``outputs``. A Python task or notebook that declares none may set any name: then nothing is said. Also a
node named where a value is meant (``{{ extract }}``).

**Why it is wrong.** The value would be absent in every run.

**Example**

```yaml
- {id: extract, type: sql, query: SELECT 1}
- {id: check, type: python, code: "pass", inputBindings: {n: "{{ extract.row_cout }}"}}
```

**Fix.** Write an output that the node has, or declare it in the node's ``outputs``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.language.checks.model import CheckModel, ReadUse, listed

CODE = "YF306"
TITLE = "An output that the node does not have"
_BESIDE = ("run", "events")
_RESULT_OF = frozenset({"python", "pyspark"})


def check(model: CheckModel) -> Iterator[Diagnostic]:
    known = model.positions
    for use in model.reads:
        path = use.read.path
        node = known.get(path[0]) if isinstance(path[0], str) else None
        if node is None:
            continue
        if len(path) == 1:
            if _is_value(use, str(path[0])):
                yield _no_value(model, use, node)
        elif path[1] not in _BESIDE and model.outputs_are_known(node) and not _has(model, node, path[1]):
            yield _unknown(model, use, node)


def _has(model: CheckModel, node: int, name: str | int) -> bool:
    return name in model.outputs(node) or (name == "result" and model.type_name(node) in _RESULT_OF)


def _is_value(use: ReadUse, name: str) -> bool:
    """Whether the bare name stands for a value anywhere, not as the beginning of ``name[computed]``."""
    walked = {id(part.value) for part in ast.walk(use.expression.tree) if isinstance(part, (ast.Attribute, ast.Subscript))}
    return any(isinstance(part, ast.Name) and part.id == name and id(part) not in walked for part in ast.walk(use.expression.tree))


def _no_value(model: CheckModel, use: ReadUse, node: int) -> Diagnostic:
    outputs = ", ".join(f"`{use.read.path[0]}.{name}`" for name in list(model.outputs(node))[:8])
    hint = f"name one of its outputs: {outputs}" if outputs else "name one of its outputs, or `.run.state` for what became of it"
    return model.report(CODE, (use.path, use.read.start, use.read.end), f"`{use.read.path[0]}` is a node, not a value", hint=hint)


def _unknown(model: CheckModel, use: ReadUse, node: int) -> Diagnostic:
    path = use.read.path
    name = str(path[1])
    outputs = list(model.outputs(node))
    place = model.step(use, 1)
    if name in ("outputs", "output", "result") and len(path) > 2 and path[2] in outputs:
        behind = model.step(use, 2)
        fix = (f"write `{path[0]}.{path[2]}`", [(place[1], behind[1], "")])
        return model.report(CODE, place, _message(model, node, name), hint=f"its output is `{path[0]}.{path[2]}`", fix=fix)
    close = model.near(name, [*outputs, *_BESIDE])
    known = f"it has {listed(outputs)}; others are declared in its `outputs`"
    return model.report(
        CODE,
        place,
        _message(model, node, name),
        hint=f"did you mean `{close}`?" if close else known,
        fix=(f"write `{close}`", [(place[1], place[2], close)]) if close else None,
    )


def _message(model: CheckModel, node: int, name: str) -> str:
    return f"node `{model.nodes[node].id}` has no output `{name}`"
