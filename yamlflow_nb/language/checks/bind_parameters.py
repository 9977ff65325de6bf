"""A parameter of a query that is not bound.

**What.** A query holds ``:month`` and neither the node's ``inputBindings`` nor the task's ``inputs`` have a ``month``, or it holds
``{table}`` and ``identifiers`` have no ``table`` (errors); or a binding is named nowhere in the query (a warning).

**Why it is wrong.** The query would fail in every run; a binding that nothing uses is often one that is mistyped.

**Example**

```yaml
- {id: load, type: sql, query: "SELECT * FROM t WHERE month = :mont", inputBindings: {month: 1}}
```

**Fix.** Write the name that is bound. In a text or a comment of the query ``:name`` means nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.domain.document import Path
from yamlflow_nb.language.checks.model import CheckModel, listed

CODE = "YF324"
TITLE = "A parameter that is not bound"
NEEDS_SOUND = True
_MOST_SHOWN = 20


def check(model: CheckModel) -> Iterator[Diagnostic]:
    # Types are asked for one by one as nodes name them: to ask for all would load them all.
    plain: set[str | None] = set()
    for node, written in enumerate(model.nodes):
        if written.type in plain:
            continue
        kind = model.task_types.get(written.type) if written.type is not None else model.task_type(node)
        if kind is None or kind.parameters is None:
            if kind is not None and written.type is not None:
                plain.add(written.type)
            continue
        field, find = kind.parameters
        text = model.fields(node).get(field)
        if isinstance(text, str):
            yield from _of_text(model, node, field, text, list(find(text)))


def _of_text(model: CheckModel, node: int, field: str, text: str, found: list[tuple[str, str, int, int]]) -> Iterator[Diagnostic]:
    task = model.task(node)
    bindings = model.setting(node, "inputBindings") or {}
    identifiers = model.fields(node).get("identifiers")
    known = {
        "parameter": dict.fromkeys([*bindings, *(task.inputs or () if task is not None else ())]),
        "identifier": dict.fromkeys(identifiers if isinstance(identifiers, dict) else ()),
    }
    path: Path = ("taskDefinitions", task.name, field) if task is not None else ("nodes", node, field)
    wrong = [one for one in found if one[1] not in known[one[0]]]
    for kind, name, start, end in wrong[:_MOST_SHOWN]:
        yield _unknown(model, path, (kind, name, start, end), list(known[kind]))
    words = set(re.findall(r"\w+", text))
    # A binding may also be a table. What is mistyped in the query is told there.
    idle = [] if wrong or task is not None else [name for name in bindings if name not in words]
    for name in idle:
        place = model.at(("nodes", node, "inputBindings", name))
        message = f"`{name}` is bound and the query names it nowhere"
        yield model.report(CODE, place, message, severity="warning", hint=f"write `:{name}` where its value goes", on_key=True)


def _unknown(model: CheckModel, path: Path, found: tuple[str, str, int, int], known: list[str]) -> Diagnostic:
    kind, name, start, end = found
    close = model.near(name, known)
    first = start + 1
    written = f":{name}" if kind == "parameter" else f"{{{name}}}"
    hint = f"bind it: `inputBindings: {{{name}: ...}}`; bound: {listed(known) or 'nothing'}"
    if kind == "identifier":
        hint = f'`identifiers: {{{name}: {{value: "{{{{ ... }}}}", allow: [...]}}}}` says which names it may stand for'
    return model.report(
        CODE,
        (path, start, end),
        f"`{written}` is not bound" if kind == "parameter" else f"there is no identifier `{name}` for `{written}`",
        hint=f"did you mean `{close}`?" if close else hint,
        fix=(f"write `{close}`", [(first, first + len(name), close)]) if close else None,
    )
