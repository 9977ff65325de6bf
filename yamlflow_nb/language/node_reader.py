"""One node of the document: its control fields by a table, its task's own fields by their model."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from yamlflow_nb.domain.document import DocumentNode, MappingNode, Path, ScalarNode
from yamlflow_nb.domain.expression import BoundTemplate, NodeExpressions
from yamlflow_nb.domain.pipeline_definition import (
    BUILT_IN_EVENTS,
    RESERVED_NAMES,
    NodeDefinition,
    Recovery,
    Repeat,
    Retry,
)
from yamlflow_nb.domain.task_definition import TaskDefinition, TaskType
from yamlflow_nb.language import declarations
from yamlflow_nb.language.quoting import as_scalar, quoted, shown
from yamlflow_nb.language.reading import (
    INVALID,
    Reader,
    Reading,
    any_of,
    anything,
    boolean,
    duration,
    fitted,
    integer_from,
    one_of,
    record,
    text,
    texts,
)

NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
LONGEST_ID = 50
_MOST_MENDED = 20
_NO_EXPRESSIONS = NodeExpressions()
Slots = tuple[str, ...]


class Written:
    """What one mapping of control fields says: values for the definition, trees beside them."""

    __slots__ = ("expressions", "values")

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.expressions = NodeExpressions()


Setter = Callable[[Reading, Path, DocumentNode, Written], None]


# The fields -----------------------------------------------------------------------------------------------------------


def _plain(name: str, reader: Reader) -> Setter:
    def set_value(reading: Reading, path: Path, node: DocumentNode, written: Written) -> None:
        value = reader(reading, path, node)
        if value is not INVALID:
            written.values[name] = value

    return set_value


def _shown_text(name: str) -> Setter:
    """``title`` and ``description``: texts whose templates are for display."""

    def set_text(reading: Reading, path: Path, node: DocumentNode, written: Written) -> None:
        value = text(reading, path, node)
        if value is not INVALID:
            written.values[name] = value
            if "{{" in value:
                written.expressions.display += tuple(
                    BoundTemplate((name,), one.template, one.place) for one in reading.templates(path, node)
                )

    return set_text


def _trigger(name: str) -> Setter:
    def set_trigger(reading: Reading, path: Path, node: DocumentNode, written: Written) -> None:
        expression = reading.trigger(path, node)
        if expression is not None:
            written.values[name] = node.value  # type: ignore[union-attr]
            setattr(written.expressions, name, expression)

    return set_trigger


def _when(name: str, option: str, reading: Reading, path: Path, node: DocumentNode, written: Written) -> DocumentNode | None:
    """``{when: ..., <option>: ...}`` as well as the bare expression; gives the option's node."""
    if not isinstance(node, MappingNode):
        _trigger(name)(reading, path, node, written)
        return None
    for key in node.items:
        if key not in ("when", option):
            reading.unknown_key((*path, key), ("when", option), node.items, f"`{name}`")
    if "when" not in node.items:
        reading.missing(path, "when", f"`{name}` needs `when`", on_key=True)
        return None
    when = node.items["when"]
    expression = reading.trigger((*path, "when"), when)
    if expression is not None:
        written.values[name] = when.value  # type: ignore[union-attr]
        setattr(written.expressions, name, expression)
    return node.items.get(option)


_STOP_AS = one_of("completed", "cancelled")


def _stop_when(reading: Reading, path: Path, node: DocumentNode, written: Written) -> None:
    how = _when("stopWhen", "as", reading, path, node, written)
    outcome = _STOP_AS(reading, (*path, "as"), how) if how is not None else "cancelled"
    written.values["stopAs"] = outcome if outcome is not INVALID else "cancelled"


def _fail_when(reading: Reading, path: Path, node: DocumentNode, written: Written) -> None:
    said = _when("failWhen", "message", reading, path, node, written)
    if said is not None:
        value = text(reading, (*path, "message"), said)
        if value is not INVALID:
            written.values["failMessage"] = value
            found = reading.templates((*path, "message"), said)
            written.expressions.fail_message = found[0] if found else None


def _bindings(reading: Reading, path: Path, node: DocumentNode, written: Written) -> None:
    if not isinstance(node, MappingNode):
        reading.wrong(path, node, "a mapping: name → value", 'for example {month: "{{ pipeline.input.month }}"}')
        return
    for name in node.items:
        if not declarations.IDENTIFIER.match(name):
            reading.report("YF128", (*path, name), f"{shown(name)} is no name", "names are letters, digits and `_`", on_key=True)
    written.values["inputBindings"] = node.plain()
    written.expressions.bindings = reading.templates(path, node)


def _outputs(reading: Reading, path: Path, node: DocumentNode, written: Written) -> None:
    written.values["outputs"] = declarations.outputs(reading, path, node)


_ON_FAILURE = one_of("continue", "stop", "ignore")


def _on_failure(reading: Reading, path: Path, node: DocumentNode, written: Written) -> None:
    if not isinstance(node, MappingNode):
        value = _ON_FAILURE(reading, path, node)
        if value is not INVALID:
            written.values["onFailure"] = value
        return
    for key in node.items:
        if key != "outputs":
            reading.unknown_key((*path, key), ("outputs",), node.items, "`onFailure`")
    values = node.items.get("outputs")
    if not isinstance(values, MappingNode):
        reading.report("YF122", path, "`onFailure` needs `outputs`, a mapping: name → value", on_key=True)
        return
    written.values["onFailure"] = Recovery.of({"outputs": values.plain()})
    written.expressions.recovery = reading.templates((*path, "outputs"), values)


def _attempts(node: DocumentNode) -> str | None:
    count = node.value if type(node) is ScalarNode else None
    return f"{{maxAttempts: {count}}}" if count.__class__ is int and count > 0 else None


_RETRY = fitted("a mapping", _attempts, record(
    {
        "maxAttempts": integer_from(1), "delay": duration, "backoff": one_of("fixed", "linear", "exponential"),
        "maxDelay": duration, "maxDuration": duration, "jitter": boolean,
    }
))  # fmt: skip


def _retry(reading: Reading, path: Path, node: DocumentNode, written: Written) -> None:
    values = _RETRY(reading, path, node)
    if values is not INVALID:
        written.values["retry"] = Retry.of(values)


_REPEAT = record({"until": anything, "maxIterations": integer_from(1), "delay": duration}, required=("until",))


def _repeat(reading: Reading, path: Path, node: DocumentNode, written: Written) -> None:
    values = _REPEAT(reading, path, node) if not _is_text(node) else reading.wrong(path, node, "a mapping with `until`")
    if values is INVALID:
        return
    until = node.items.get("until") if isinstance(node, MappingNode) else None
    if until is not None:
        written.expressions.until = reading.trigger((*path, "until"), until)
        values["until"] = until.value if type(until) is ScalarNode else False
    written.values["repeat"] = Repeat.of(values)


def _is_text(node: DocumentNode | None) -> bool:
    return type(node) is ScalarNode and isinstance(node.value, str)


def _for_each(reading: Reading, path: Path, node: DocumentNode, written: Written) -> None:
    found = reading.templates(path, node)
    if type(node) is ScalarNode:
        if _is_text(node) and _BARE_NAME.match(node.text):
            braced = quoted(f"{{{{ {node.text} }}}}")
            message = f"`forEach` must be a list, or an expression that gives one, this is a text, {shown(node.text)}"
            reading.report("YF123", path, message, f"write {braced}", replace=(f"write {braced}", braced))
            return
        if not found and not (_is_text(node) and "{{" in node.text):
            reading.wrong(path, node, 'a list, or an expression that gives one: "{{ list.files }}"')
            return
        written.expressions.for_each = found[0] if found else None
    elif isinstance(node, MappingNode):
        reading.wrong(path, node, 'a list, or an expression that gives one: "{{ list.files }}"')
        return
    elif found:
        hint = 'write the whole list as an expression: "{{ [a.x, 2] }}"'
        reading.report("YF123", found[0].place, "an item of a written list may not hold {{ }}", hint)
        return
    written.values["forEach"] = node.plain()


_BARE_NAME = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)+\Z")
_SHARE = re.compile(r"(?:100|[0-9]{1,2})(?:\.[0-9]+)?%\Z")


def _max_failed(reading: Reading, path: Path, node: DocumentNode) -> Any:
    value = node.value if type(node) is ScalarNode else None
    if (value.__class__ is int and value >= 0) or (isinstance(value, str) and _SHARE.match(value)):
        return value
    return reading.wrong(path, node, "a number of items, or a share such as 10%")


def _emits(reading: Reading, path: Path, node: DocumentNode) -> Any:
    names = texts(reading, path, node)
    for index, name in enumerate(names if names is not INVALID else ()):
        if not NAME.match(name):
            reading.report(
                "YF128", (*path, index), f"{shown(name)} is no name of an event", "[a-z][a-z0-9_]*, for example batch_ready"
            )
        elif name in BUILT_IN_EVENTS:
            reading.report("YF129", (*path, index), f"`{name}` is a built-in event: every node has it")
    return names


_CACHE = any_of(boolean, bool, record({"ttl": duration, "key": anything, "packages": texts}))
_MEMORY = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,6})? ?(?:[KMGTP]i?)?B?\Z")


def _memory(reading: Reading, path: Path, node: DocumentNode) -> Any:
    value = node.value if type(node) is ScalarNode else None
    if (value.__class__ is int and value >= 0) or (isinstance(value, str) and _MEMORY.match(value)):
        return value
    return reading.wrong(path, node, "an amount of memory", "for example 512MiB, 2GiB, or a number of bytes")


_RESOURCES = record({"slots": integer_from(0), "memory": _memory, "pool": text})

CONTROL: dict[str, Setter] = {
    "title": _shown_text("title"),
    "description": _shown_text("description"),
    "startWhen": _trigger("startWhen"),
    "skipWhen": _trigger("skipWhen"),
    "stopWhen": _stop_when,
    "failWhen": _fail_when,
    "retryWhen": _trigger("retryWhen"),
    "inputBindings": _bindings,
    "outputs": _outputs,
    "onFailure": _on_failure,
    "retry": _retry,
    "timeout": _plain("timeout", duration),
    "waitTimeout": _plain("waitTimeout", duration),
    "forEach": _for_each,
    "maxParallel": _plain("maxParallel", integer_from(1)),
    "onItemFailure": _plain("onItemFailure", one_of("fail", "continue")),
    "maxFailed": _plain("maxFailed", _max_failed),
    "repeat": _repeat,
    "cache": _plain("cache", _CACHE),
    "resources": _plain("resources", _RESOURCES),
    "priority": _plain("priority", integer_from(None)),
    "onInterrupt": _plain("onInterrupt", one_of("retry", "fail", "ask")),
    "always": _plain("always", boolean),
    "runOn": _plain("runOn", one_of("local", "dask")),
    "emits": _plain("emits", _emits),
    "tags": _plain("tags", texts),
}
"""One row a control field (``id``, ``taskDefinition`` and ``type`` apart)."""
_SLOTS: dict[str, Slots] = {
    "startWhen": ("startWhen",), "skipWhen": ("skipWhen",), "stopWhen": ("stopWhen",), "failWhen": ("failWhen", "fail_message"),
    "retryWhen": ("retryWhen",), "repeat": ("until",), "forEach": ("for_each",), "inputBindings": ("bindings",),
    "onFailure": ("recovery",),
}  # fmt: skip
"""By control field: where its trees are kept."""


# The node -------------------------------------------------------------------------------------------------------------


class NodeReader:
    """Reads the items of ``nodes``: needs to know the tasks, the defaults, and the ids that came before."""

    def __init__(self, reading: Reading, tasks: dict[str, TaskDefinition | None], defaults: Written | None) -> None:
        self.reading = reading
        self.tasks = tasks
        self.inherited = [(field, slots) for field, slots in _SLOTS.items() if defaults is not None and field in defaults.values]
        self.defaults = defaults.expressions if defaults is not None else _NO_EXPRESSIONS
        self.places: dict[str, Path] = {}
        self.task_templates: dict[str, tuple[BoundTemplate, ...]] = {}

    def read(self, path: Path, node: DocumentNode) -> tuple[NodeDefinition, NodeExpressions] | None:
        """One node and its trees, as far as they could be read; None where there is no node at all."""
        reading = self.reading
        if not isinstance(node, MappingNode):
            reading.wrong(path, node, "a node: a mapping with `id` and what it does")
            return None
        written = Written()
        own: dict[str, DocumentNode] = {}
        for key, item in node.items.items():
            setter = CONTROL.get(key)
            if setter is not None:
                setter(reading, (*path, key), item, written)
            elif key == "name" and "id" not in node.items:
                reading.report(
                    "YF121", (*path, key), "a node is named by `id`", "write id", on_key=True, replace=("write `id`", "id")
                )
                reading.meant(path, "id")
            elif key not in ("id", "type", "taskDefinition"):
                own[key] = item
        values = written.values
        values["id"] = self.node_id(path, node)
        self.what(path, node, own, written)
        if "waitTimeout" in node.items and not self.waits(written):
            message = "`waitTimeout` is for approval and wait alone: this node waits for nobody"
            reading.report("YF132", (*path, "waitTimeout"), message, "`timeout` limits an attempt", on_key=True)
        for field, slots in self.inherited:
            if field not in node.items:
                for slot in slots:
                    setattr(written.expressions, slot, getattr(self.defaults, slot))
        return NodeDefinition.of(values), written.expressions

    def node_id(self, path: Path, node: MappingNode) -> str:
        """The node's id; one that can stand in for it where it is wrong or missing."""
        reading = self.reading
        place = (*path, "id")
        written = node.items.get("id")
        if written is None:
            named = node.items.get("name")
            if _is_text(named) and NAME.match(named.text):  # type: ignore[union-attr]
                return str(named.text)  # type: ignore[union-attr]
            reading.missing(path, "id", "a node needs `id`")
            return f"?{path[-1]}"
        # A number is no id in quotes either.
        numeric = type(written) is ScalarNode and written.text and not NAME.match(written.text)
        value = written.text if numeric else text(reading, place, written)  # type: ignore[union-attr]
        if value is INVALID:
            return f"?{path[-1]}"
        if value in self.places:
            reading.report("YF136", place, f"the id `{value}` is taken", related=("first used here", self.places[value]))
            return f"?{path[-1]}"
        self.places[value] = place
        if not NAME.match(value):
            better = suggested(value)
            # What else speaks of the node would have to follow.
            alone = len(reading.found) < _MOST_MENDED and reading.document.source.text.count(value) == 1
            alone = alone and better not in RESERVED_NAMES and not reading.is_node(better)
            reading.report(
                "YF135", place, f"{shown(value)} is no id", f"ids are [a-z][a-z0-9_]*, for example `{better}`",
                replace=(f"write `{better}`", better) if alone else None,
            )  # fmt: skip
        elif len(value) > LONGEST_ID:
            reading.report("YF135", place, f"an id has at most {LONGEST_ID} characters, this has {len(value)}")
        elif value in RESERVED_NAMES:
            reading.report("YF137", place, f"`{value}` is reserved", f"reserved: {', '.join(sorted(RESERVED_NAMES))}")
        return str(value)

    def what(self, path: Path, node: MappingNode, own: dict[str, DocumentNode], written: Written) -> None:
        """What the node does: a task that it names, or one written in the node itself."""
        reading = self.reading
        named, inline = node.items.get("taskDefinition"), node.items.get("type")
        if named is not None:
            value = text(reading, (*path, "taskDefinition"), named)
            if inline is not None:
                hint = "keep `taskDefinition`, or write the whole task in the node"
                reading.report("YF132", (*path, "type"), "a node names a task or writes one, not both", hint, on_key=True)
            for key in own:
                self.stray(path, key, node)
            if value is not INVALID:
                written.values["taskDefinition"] = value
                written.expressions.fields = self.of_task(path, value)
            return
        if inline is None:
            known = ", ".join(sorted(reading.task_types))
            reading.missing(path, "type", "a node needs `type` or `taskDefinition`: what it does", f"types: {known}")
            return
        kind = reading.task_types.get(inline.value) if _is_text(inline) else None  # type: ignore[union-attr]
        if kind is None:
            declarations.task_type(reading, (*path, "type"), inline)
            return
        written.values["type"] = kind.name
        written.values["fields"] = declarations.task_fields(reading, path, own, kind)
        written.expressions.fields = field_templates(reading, path, own, kind)

    def waits(self, written: Written) -> bool:
        """Whether the node's task waits for a person or an event; also where its task is not known."""
        task = self.tasks.get(written.values.get("taskDefinition", ""))
        kind = self.reading.task_types.get(task.type if task is not None else written.values.get("type", ""))
        return kind is None or kind.waits is not None

    def stray(self, path: Path, key: str, node: MappingNode) -> None:
        if any(key in declarations.field_names(kind) for kind in self.reading.task_types.values()):
            message = f"`{key}` belongs to the task, not to the node that names it"
            self.reading.report("YF132", (*path, key), message, "write it in `taskDefinitions`", on_key=True)
        else:
            self.reading.unknown_key((*path, key), ("id", "taskDefinition", *CONTROL), node.items, "a node")

    def of_task(self, path: Path, name: str) -> tuple[BoundTemplate, ...]:
        """The templates in the fields of a named task, parsed once a task."""
        reading = self.reading
        if name not in self.tasks:
            close = reading.near(name.partition("@")[0], self.tasks)
            hint = f"did you mean `{close}`?" if close else f"tasks here: {', '.join(self.tasks) or 'none'}"
            replace = (f"write `{close}`", as_scalar(close)) if close else None
            reading.report("YF141", (*path, "taskDefinition"), f"there is no task definition {shown(name)}", hint, replace=replace)
            return ()
        if name not in self.task_templates:
            task, where = self.tasks[name], reading.document.find(("taskDefinitions", name))
            kind = reading.task_types.get(task.type) if task is not None else None
            fields = where.items if isinstance(where, MappingNode) else {}
            self.task_templates[name] = field_templates(reading, ("taskDefinitions", name), fields, kind) if kind else ()
        return self.task_templates[name]


def suggested(value: str) -> str:
    """A wrong id as a right one."""
    words = re.sub(r"[^a-z0-9]+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", value).lower()).strip("_")
    return (words if NAME.match(words) else f"n_{words}".rstrip("_"))[:LONGEST_ID]


def field_templates(reading: Reading, path: Path, written: dict[str, DocumentNode], kind: TaskType) -> tuple[BoundTemplate, ...]:
    """The templates in a task's own fields; a program's text (``code``) is not looked into."""
    found: list[BoundTemplate] = []
    for name in declarations.field_names(kind):
        item = written.get(name)
        if (
            item is None
            or name in kind.literal
            or (type(item) is ScalarNode and (item.value.__class__ is not str or "{{" not in item.value))
        ):
            continue
        if name in kind.no_templates and type(item) is ScalarNode:
            continue
        for bound in reading.templates((*path, name), item):
            found.append(BoundTemplate((name, *bound.path), bound.template, bound.place))
    return tuple(found)


def read_defaults(reading: Reading, node: DocumentNode) -> Written | None:
    """``defaults``: control fields for all nodes."""
    path: Path = ("defaults",)
    if not isinstance(node, MappingNode):
        reading.wrong(path, node, "a mapping of control fields, for example {timeout: 10m}")
        return None
    written = Written()
    known = [name for name in CONTROL if name not in ("title", "description")]
    for key, item in node.items.items():
        if key in known:
            CONTROL[key](reading, (*path, key), item, written)
        else:
            reading.unknown_key((*path, key), known, node.items, "`defaults`")
    return written
