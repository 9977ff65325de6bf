"""Located YAML → ``PipelineDefinition``: every field has a reader in a table, every text its expression, parsed once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.domain.document import Document, DocumentNode, MappingNode, Path, ScalarNode, SequenceNode
from yamlflow_nb.domain.expression import NodeExpressions, ParsedExpressions
from yamlflow_nb.domain.pipeline_definition import API_VERSION, PIPELINE_FIELDS, NodeDefinition, PipelineDefinition
from yamlflow_nb.domain.ports.catalogue import Shelf
from yamlflow_nb.domain.task_definition import TaskDefinition, TaskType
from yamlflow_nb.language import declarations
from yamlflow_nb.language.control_fields import NAME, Written
from yamlflow_nb.language.node_reader import NodeReader, read_defaults, suggested
from yamlflow_nb.language.quoting import quoted, shown
from yamlflow_nb.language.reading import (
    INVALID,
    Reader,
    Reading,
    any_of,
    anything,
    duration,
    integer_from,
    list_of,
    long_text,
    one_of,
    record,
    text,
    texts,
)
from yamlflow_nb.language.schedules import schedule

LONGEST_NAME = 64
_API = re.compile(r"yamlflow/v([0-9]+)(?:\.([0-9]+))?(?:(?:alpha|beta)[0-9]*)?\Z")


def read_definition(
    document: Document, task_types: Mapping[str, TaskType], shelf: Shelf | None = None
) -> tuple[PipelineDefinition | None, list[Diagnostic]]:
    """The definition that a document holds, as far as it can be read, and what is wrong with it. Tasks that it names and does not
    hold are looked for on the ``shelf``.

    Never raises. A definition beside errors is for further checks only. None when the document is no mapping, or of a later
    ``apiVersion``.
    """
    reading = Reading(document, task_types, shelf)
    root = document.root
    if not isinstance(root, MappingNode):
        reading.report("YF120", (), "a pipeline is a mapping with `name` and `nodes`", "begin with: name: my_pipeline")
        return None, reading.found
    if not _api_version(reading, root):
        return None, reading.found
    values: dict[str, Any] = {}
    for key, node in root.items.items():
        reader = _FIELDS.get(key)
        if reader is not None:
            value = reader(reading, (key,), node)
            if value is not INVALID:
                values[key] = value
        elif key not in PIPELINE_FIELDS:
            reading.unknown_key((key,), PIPELINE_FIELDS, root.items, "a pipeline")
    _name(reading, root, values)
    parsed = ParsedExpressions()
    tasks = _tasks(reading, root)
    defaults = read_defaults(reading, root.items["defaults"]) if "defaults" in root.items else None
    if defaults is not None:
        values["defaults"] = NodeDefinition.of({"id": "", **defaults.values})
    values["nodes"] = _nodes(reading, root, tasks, defaults, parsed)
    values["taskDefinitions"] = {name: task for name, task in tasks.items() if task is not None}  # published ones among them
    if "stopWhen" in root.items:
        parsed.stop_when = reading.trigger(("stopWhen",), root.items["stopWhen"])
        values["stopWhen"] = getattr(root.items["stopWhen"], "value", None)
    if "outputs" in root.items:
        values["outputs"] = _outputs(reading, root.items["outputs"], parsed)
    definition = PipelineDefinition.of(values)
    definition._parsed, definition._document = parsed, document
    return definition, reading.findings


# The head -------------------------------------------------------------------------------------------------------------


def _api_version(reading: Reading, root: MappingNode) -> bool:
    """Whether the document may be read on."""
    node = root.items.get("apiVersion")
    if node is None:
        return True
    value = node.value if type(node) is ScalarNode else None
    if value == API_VERSION:
        return True
    known = _API.match(value) if isinstance(value, str) else None
    if known and (int(known[1][:9]) > 1 or (known[1] == "1" and int((known[2] or "0")[:9]) > 0)):
        message = f"the document is of {shown(value)}, this yamlflow_nb reads `{API_VERSION}`"
        reading.report("YF139", ("apiVersion",), message, 'a newer one reads it: pip install -U "yamlflow_nb"')
        return False
    # Where nothing is written the place is the key, which is not to be replaced.
    replace = (f"write {API_VERSION}", API_VERSION) if node.start < node.end else None
    said = f", this is {shown(value)}" if isinstance(value, str) else ""
    message = f"`apiVersion` must be `{API_VERSION}`{said}"
    reading.report("YF139", ("apiVersion",), message, f"write {API_VERSION}", replace=replace)
    return True


def _name(reading: Reading, root: MappingNode, values: dict[str, Any]) -> None:
    values["name"] = "?"
    node = root.items.get("name")
    if node is None:
        hint = "put `name: my_pipeline` in the first line"
        reading.missing((), "name", "a pipeline needs `name`", hint, at=("name",))
        return
    # A number is no name in quotes either.
    value = node.text if type(node) is ScalarNode and node.text else text(reading, ("name",), node)
    if value is INVALID:
        return
    namespace, slash, name = value.partition("/")
    if not slash:
        namespace, name = "", value
    longest = max(len(namespace), len(name))
    if not NAME.match(name) or (slash and not NAME.match(namespace)):
        parts = [suggested(part) for part in (namespace, name) if part] or ["my_pipeline"]
        better = "/".join(parts)
        hint = "[a-z][a-z0-9_]*, with a namespace before a `/` if there is one"
        reading.report(
            "YF135", ("name",), f"{shown(value)} is no name of a pipeline", hint, replace=(f"write `{better}`", better)
        )  # fmt: skip
    elif longest > LONGEST_NAME:
        reading.report("YF135", ("name",), f"a name has at most {LONGEST_NAME} characters, this has {longest}")
    elif not isinstance(node.value, str):  # type: ignore[union-attr]
        text(reading, ("name",), node)
    else:
        values["name"] = name
        if slash:
            values["namespace"] = namespace


def _version(reading: Reading, path: Path, node: DocumentNode) -> Any:
    if type(node) is ScalarNode and isinstance(node.value, (int, float)) and not isinstance(node.value, bool):
        written = quoted(node.text)
        return reading.report(
            "YF138", path, f"the version {node.text} is a number: 1.10 and 1.1 would be the same", f"quote it: {written}",
            replace=("quote it", written),
        )  # fmt: skip
    value = text(reading, path, node)
    if value is not INVALID and (not value.strip() or len(value) > LONGEST_NAME or not value.isprintable()):
        return reading.report("YF138", path, f"a version is a short text such as {quoted('1.2.0')}")
    return value


# The body -------------------------------------------------------------------------------------------------------------


def _tasks(reading: Reading, root: MappingNode) -> dict[str, TaskDefinition | None]:
    node = root.items.get("taskDefinitions")
    if node is None:
        return {}
    if not isinstance(node, MappingNode):
        reading.wrong(("taskDefinitions",), node, "a mapping: name → task")
        return {}
    found: dict[str, TaskDefinition | None] = {}
    for name, item in node.items.items():
        path: Path = ("taskDefinitions", name)
        if not NAME.match(name):
            reading.report("YF128", path, f"{shown(name)} is no name", f"for example `{suggested(name)}`", on_key=True)
        found[name] = declarations.task_definition(reading, path, item)
    return found


def _nodes(
    reading: Reading,
    root: MappingNode,
    tasks: dict[str, TaskDefinition | None],
    defaults: Written | None,
    parsed: ParsedExpressions,
) -> tuple[NodeDefinition, ...]:
    node = root.items.get("nodes")
    if node is None:
        hint = "for example nodes: [{id: first, type: python, code: pass}]"
        reading.missing((), "nodes", "a pipeline needs `nodes`", hint, at=("nodes",))
        return ()
    if not isinstance(node, SequenceNode):
        hint = "begin each with a dash: `- id: extract`"
        reading.wrong(("nodes",), node, "a list of nodes", hint)
        return ()
    if not node.items:
        reading.report("YF140", ("nodes",), "a pipeline has at least one node")
    reader = NodeReader(reading, tasks, defaults)
    found: list[NodeDefinition] = []
    expressions: list[NodeExpressions] = []
    for index, item in enumerate(node.items):
        read = reader.read(("nodes", index), item)
        # The place in the list is the place in the document: what is no node keeps its index.
        read = read or (NodeDefinition.of({"id": f"?{index}"}), NodeExpressions())
        found.append(read[0])
        expressions.append(read[1])
    parsed.nodes = expressions
    return tuple(found)


def _outputs(reading: Reading, node: DocumentNode, parsed: ParsedExpressions) -> dict[str, Any]:
    if not isinstance(node, MappingNode):
        reading.wrong(("outputs",), node, "a mapping: name → value", 'for example {rows: "{{ extract.row_count }}"}')
        return {}
    trees: dict[str, Any] = {}
    for name, item in node.items.items():
        path: Path = ("outputs", name)
        if not declarations.IDENTIFIER.match(name):
            reading.report("YF128", path, f"{shown(name)} is no name", "names are letters, digits and `_`", on_key=True)
        found = reading.templates(path, item)
        if type(item) is ScalarNode:
            trees[name] = found[0].template if found else item.value
        elif found:
            hint = "write the whole value as one expression: \"{{ {'rows': extract.row_count} }}\""
            reading.report("YF123", found[0].place, "an output is one value: inside a list or mapping there is no {{ }}", hint)
        else:
            trees[name] = item.plain()
    parsed.outputs = trees
    return node.plain()


# Fields of the pipeline -----------------------------------------------------------------------------------------------


def _pools(reading: Reading, path: Path, node: DocumentNode) -> Any:
    if not isinstance(node, MappingNode):
        return reading.wrong(path, node, "a mapping: pool → number of slots")
    read = integer_from(0)
    values = {name: read(reading, (*path, name), item) for name, item in node.items.items()}
    return {name: value for name, value in values.items() if value is not INVALID}


_NOTIFICATION_EVENTS = one_of("failed", "waiting", "completed", "cancelled", "started")
_FIELDS: dict[str, Reader] = {
    "apiVersion": lambda reading, path, node: API_VERSION,
    "version": _version,
    "title": text,
    "description": text,
    "inputVariables": declarations.inputs,
    "timeout": duration,
    "resources": record({"pools": _pools}),
    "schedule": schedule,
    "concurrency": record(
        {"limit": integer_from(1), "policy": one_of("queue", "skip", "cancelRunning", "fail"), "group": anything},
        required=("limit",),
    ),
    "notifications": list_of(
        record({"on": list_of(_NOTIFICATION_EVENTS), "to": any_of(text, str, texts), "message": long_text}, required=("on", "to"))
    ),
    "tags": texts,
}
"""One row a field of the pipeline that needs nothing else of the document."""
