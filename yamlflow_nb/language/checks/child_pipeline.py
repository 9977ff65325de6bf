"""A child pipeline that does not fit.

**What.** A ``subpipeline`` node whose child, a file or what was published, is missing or wrong: the bindings are not its inputs, an
output is read that it does not have, or pipelines contain each other.

**Why it is wrong.** The child would fail when it starts; pipelines in a circle would start each other for ever.

**Example**

```yaml
- {id: load, type: subpipeline, pipeline: load.pipeline.yaml, inputBindings: {mont: 3}}
```

**Fix.** Bind the child's ``inputVariables``, read its ``outputs``. Children of children may go eight deep.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from yamlflow_nb.domain.diagnostic import Diagnostic, errors
from yamlflow_nb.domain.pipeline_definition import PipelineDefinition
from yamlflow_nb.language.checks.binding_fits import check_bindings
from yamlflow_nb.language.checks.model import CheckModel, Place

CODE = "YF323"
TITLE = "A child pipeline that does not fit"
DEEPEST = 8
_CIRCLE = "pipelines contain each other"
_KINDS_OF_NAME = "`pipeline:` is a file, or a published `name@version`"
_SHOWN = 10
_ENDINGS = (".yaml", ".yml", ".json")


def check(model: CheckModel) -> Iterator[Diagnostic]:
    if model.read_file is None:
        return
    children: dict[str, PipelineDefinition | str] = {}
    for node in range(len(model.nodes)):
        named = model.fields(node).get("pipeline") if model.type_name(node) == "subpipeline" else None
        if not isinstance(named, str) or "{{" in named or (model.shelf is None and not is_file(named)):
            continue
        if named not in children:
            children[named] = _read(model, named)
        child = children[named]
        if isinstance(child, str):
            circle = child.startswith(_CIRCLE)
            hint = "take one of the steps out: they would start each other for ever" if circle else _KINDS_OF_NAME
            yield model.report(CODE, _place(model, node), child, hint=hint)
        else:
            yield from check_bindings(model, node, child.inputVariables, CODE, f"pipeline `{child.name}`")
            yield from _outputs(model, node, child)


def is_file(named: str) -> bool:
    """Whether ``pipeline:`` names a file, not a published pipeline."""
    return named.endswith(_ENDINGS) or "\\" in named or named.startswith((".", "/"))


def _place(model: CheckModel, node: int) -> Place:
    own = "pipeline" in model.nodes[node].fields
    return model.at(("nodes", node, "pipeline") if own else ("taskDefinitions", model.nodes[node].taskDefinition or "", "pipeline"))


def _read(model: CheckModel, named: str) -> PipelineDefinition | str:
    """The child's definition, or what is wrong with it."""
    assert model.document is not None and model.read_file is not None
    from yamlflow_nb.language.definition_reader import read_definition
    from yamlflow_nb.language.yaml_reader import read_document

    chain = [(model.name, model.document.source.text)]
    waiting: list[tuple[str, list[tuple[str, str]]]] = [(named, chain)]
    first: PipelineDefinition | None = None
    seen: set[str] = set()
    while waiting:
        path, above = waiting.pop()
        text = _text(model, path)
        if text is None:
            return _missing(model, path) if path == named else f"`{named}` leads to `{path}`, which is not there"
        walk = " -> ".join(posixpath.basename(name) for name in [*(name for name, _ in above), path])
        if any(text == other for _, other in above):
            return f"{_CIRCLE}: {walk}"
        if len(above) > DEEPEST:
            return f"pipelines may be {DEEPEST} deep, this goes deeper: {walk}"
        if path in seen:
            continue
        seen.add(path)
        document, found = read_document(text, path)
        definition, more = read_definition(document, model.task_types, model.shelf) if document is not None else (None, [])
        wrong = errors([*found, *more])
        if definition is None or wrong:
            said = f": {wrong[0].message} (line {wrong[0].line})" if wrong else ""
            return f"the child pipeline `{path}` has errors{said}"
        first = first or definition
        child = CheckModel(definition, model.task_types, document)
        for node in range(len(definition.nodes)):
            deeper = child.fields(node).get("pipeline") if child.type_name(node) == "subpipeline" else None
            if isinstance(deeper, str) and "{{" not in deeper and (is_file(path) or not is_file(deeper)):
                beside = posixpath.normpath(posixpath.join(posixpath.dirname(path), deeper)) if is_file(deeper) else deeper
                waiting.append((beside, [*above, (path, text)]))
    assert first is not None
    return first


def _text(model: CheckModel, named: str) -> str | None:
    """The YAML of a child, as far as it can be had."""
    if not is_file(named):
        return model.shelf.text("pipeline", named) if model.shelf is not None else None
    # A file is read where the pipeline lies, and from nowhere else, when it runs.
    return model.read_file(named) if model.read_file is not None and not _is_outside(named) else None


def _is_outside(named: str) -> bool:
    path = posixpath.normpath(named.replace("\\", "/"))
    return path.startswith(("../", "/")) or path == ".."


def _missing(model: CheckModel, named: str) -> str:
    if is_file(named):
        return f"`{named}` lies outside of the pipeline's folder" if _is_outside(named) else f"there is no file `{named}`"
    known = model.shelf.references("pipeline")[:_SHOWN] if model.shelf is not None else []
    return f"no pipeline `{named}` was published" + (f"; there are {', '.join(known)}" if known else "")


def _outputs(model: CheckModel, node: int, child: PipelineDefinition) -> Iterator[Diagnostic]:
    known = {*child.outputs, *model.declared_outputs(node)}
    for name, declared in model.declared_outputs(node).items():
        if name not in child.outputs and not declared.optional:
            place = model.at(("nodes", node, "outputs", name))
            yield model.report(CODE, place, f"pipeline `{child.name}` has no output `{name}`", hint=_hint(model, name, child))
    own = model.nodes[node].id
    for use in model.reads:
        path = use.read.path
        if path[0] == own and len(path) > 1 and path[1] not in known and path[1] not in ("run", "events"):
            place = model.step(use, 1)
            close = model.near(str(path[1]), child.outputs)
            yield model.report(
                CODE,
                place,
                f"pipeline `{child.name}`, the child of `{own}`, has no output `{path[1]}`",
                hint=_hint(model, str(path[1]), child),
                fix=(f"write `{close}`", [(place[1], place[2], close)]) if close else None,
            )


def _hint(model: CheckModel, name: str, child: PipelineDefinition) -> str:
    close = model.near(name, child.outputs)
    return f"did you mean `{close}`?" if close else f"its outputs: {', '.join(f'`{other}`' for other in child.outputs) or 'none'}"
