"""Templates that no run of a node waits for: cache keys, groups of executions, inputs of schedules, notifications.

Their form is looked at when the document is read; here their names come in, so that a typo in them is found too.
"""

from __future__ import annotations

from collections.abc import Iterator

from yamlflow_nb.domain.document import Document, DocumentNode, MappingNode, Path, ScalarNode, SequenceNode
from yamlflow_nb.domain.expression import ValueExpression
from yamlflow_nb.language.long_text import has_statements, parse_long_text
from yamlflow_nb.language.problem import ExpressionSyntaxError
from yamlflow_nb.language.value_parser import parse_template

_OF_PIPELINE = ("concurrency", "schedule", "notifications")


def aside_expressions(document: Document) -> Iterator[tuple[int | None, str, Path, ValueExpression]]:
    """(node or None for the pipeline, the field's name, where the text stands, expression) of each ``{{ }}``."""
    if "{{" not in document.source.text:
        return
    nodes = document.find(("nodes",))
    for index, node in enumerate(nodes.items if isinstance(nodes, SequenceNode) else ()):
        key = node.items.get("cache") if isinstance(node, MappingNode) else None
        if key is not None:
            yield from ((index, "cache", *found) for found in _within(("nodes", index, "cache"), key))
    for name in _OF_PIPELINE:
        item = document.find((name,))
        if item is not None:
            yield from ((None, name, *found) for found in _within((name,), item))


def _within(path: Path, node: DocumentNode) -> Iterator[tuple[Path, ValueExpression]]:
    if isinstance(node, MappingNode):
        for key, item in node.items.items():
            yield from _within((*path, key), item)
    elif isinstance(node, SequenceNode):
        for index, item in enumerate(node.items):
            yield from _within((*path, index), item)
    elif isinstance(node, ScalarNode) and isinstance(node.value, str) and ("{{" in node.value or "{%" in node.value):
        try:
            template = parse_long_text(node.value) if has_statements(node.value) else parse_template(node.value)
        except ExpressionSyntaxError:
            return  # told when it was read
        yield from ((path, expression) for expression in (template.expressions if template is not None else ()))
