"""A task on the shelf → its definition. What was published holds no ``{{ }}``: a task reads its inputs, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from yamlflow_nb.domain.document import Document, MappingNode, ScalarNode
from yamlflow_nb.domain.ports.catalogue import Shelf, reference_of
from yamlflow_nb.domain.task_definition import TaskDefinition, TaskType
from yamlflow_nb.language import declarations
from yamlflow_nb.language.reading import Reading
from yamlflow_nb.language.yaml_reader import read_document

_SHOWN = 10


def published_task(shelf: Shelf, name: str, task_types: Mapping[str, TaskType]) -> TaskDefinition | None:
    """The task that a node names; None where none was published under the name, or it cannot be read any more."""
    reference = reference_of(name)
    written = shelf.text("task", name) if reference is not None else None
    if reference is None or written is None:
        return None
    document, _ = read_document(written, name)
    path = ("taskDefinitions", reference.name)
    node = document.find(path) if document is not None else None
    if document is None or not isinstance(node, MappingNode):
        return None
    return declarations.task_definition(Reading(document, task_types), path, node)


def is_bound_to_its_document(document: Document, name: str, task_types: Mapping[str, TaskType]) -> bool:
    """Whether a task's fields hold ``{{ }}``, which elsewhere would mean other nodes."""
    path = ("taskDefinitions", name)
    node = document.find(path)
    kind = node.items.get("type") if isinstance(node, MappingNode) else None
    task_type = task_types.get(kind.text) if isinstance(kind, ScalarNode) else None
    if task_type is None or not isinstance(node, MappingNode):
        return False
    reading = Reading(document, task_types)
    fields = [name for name in declarations.field_names(task_type) if name in node.items and name not in task_type.literal]
    return any(reading.templates((*path, field), node.items[field]) for field in fields)


def published_names(shelf: Shelf | None) -> str:
    """What else a node could name, for the end of a hint."""
    names = shelf.references("task")[:_SHOWN] if shelf is not None else []
    return f"; published: {', '.join(names)}" if names else ""
