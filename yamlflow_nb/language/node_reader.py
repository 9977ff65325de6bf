"""One node of the document: its control fields by their table, its task's own fields by their model."""

from __future__ import annotations

import re

from yamlflow_nb.domain.document import DocumentNode, MappingNode, Path, ScalarNode
from yamlflow_nb.domain.expression import BoundTemplate, NodeExpressions
from yamlflow_nb.domain.pipeline_definition import RESERVED_NAMES, NodeDefinition
from yamlflow_nb.domain.task_definition import TaskDefinition, TaskType
from yamlflow_nb.language import declarations
from yamlflow_nb.language.control_fields import CONTROL, NAME, Written, is_text
from yamlflow_nb.language.long_text import has_statements
from yamlflow_nb.language.published_task import published_names, published_task
from yamlflow_nb.language.quoting import as_scalar, shown
from yamlflow_nb.language.reading import INVALID, Reading, text

LONGEST_ID = 50
_MOST_MENDED = 20
_NO_EXPRESSIONS = NodeExpressions()
Slots = tuple[str, ...]
_SLOTS: dict[str, Slots] = {
    "startWhen": ("startWhen",), "skipWhen": ("skipWhen",), "stopWhen": ("stopWhen",), "failWhen": ("failWhen", "fail_message"),
    "retryWhen": ("retryWhen",), "repeat": ("until",), "forEach": ("for_each",), "inputBindings": ("bindings",),
    "onFailure": ("recovery",),
}  # fmt: skip
"""By control field: where its trees are kept."""


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
            if is_text(named) and NAME.match(named.text):  # type: ignore[union-attr]
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
        kind = reading.task_types.get(inline.value) if is_text(inline) else None  # type: ignore[union-attr]
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
        return kind is None or kind.waits in ("person", "event")

    def stray(self, path: Path, key: str, node: MappingNode) -> None:
        if any(key in declarations.field_names(kind) for kind in self.reading.task_types.values()):
            message = f"`{key}` belongs to the task, not to the node that names it"
            self.reading.report("YF132", (*path, key), message, "write it in `taskDefinitions`", on_key=True)
        else:
            self.reading.unknown_key((*path, key), ("id", "taskDefinition", *CONTROL), node.items, "a node")

    def of_task(self, path: Path, name: str) -> tuple[BoundTemplate, ...]:
        """The templates in the fields of a named task, parsed once a task."""
        reading = self.reading
        if name not in self.tasks and reading.shelf is not None:
            published = published_task(reading.shelf, name, reading.task_types)
            if published is not None:
                self.tasks[name], self.task_templates[name] = published, ()
        if name not in self.tasks:
            close = reading.near(name.partition("@")[0], self.tasks)
            hint = (
                f"did you mean `{close}`?"
                if close
                else f"tasks here: {', '.join(self.tasks) or 'none'}{published_names(reading.shelf)}"
            )
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
    for name in declarations.field_names(kind, written):
        item = written.get(name)
        if (
            item is None
            or name in kind.literal
            or (type(item) is ScalarNode and (item.value.__class__ is not str or not ("{{" in item.value or "{%" in item.value)))
        ):
            continue
        if name in kind.texts and type(item) is ScalarNode and has_statements(item.value):
            long = reading.long_text((*path, name), item.value)
            if long is not None:
                found.append(BoundTemplate((name,), long, (*path, name)))
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
