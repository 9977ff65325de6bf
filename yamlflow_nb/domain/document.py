"""The parsed YAML: plain values in a tree where each knows its place in the text.

Built by ``language.yaml_reader`` from the parser's events. Offsets are 0-based, in characters, end exclusive.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Union

from yamlflow_nb.domain.source import SourceText, Span

Path = tuple[Union[str, int], ...]
"""Where a value stands in the document: ``("nodes", 3, "startWhen")``."""


class ScalarNode:
    """A scalar: ``value`` as the YAML 1.2 core schema reads it, ``text`` as the parser gave it (before typing),
    ``style`` one of ``""`` (plain) ``"'"`` ``'"'`` ``"|"`` ``">"``."""

    __slots__ = ("end", "start", "style", "text", "value")

    def __init__(self, value: Any, text: str, style: str, start: int, end: int) -> None:
        self.value = value
        self.text = text
        self.style = style
        self.start = start
        self.end = end

    def plain(self) -> Any:
        return self.value


class SequenceNode:
    """A list of located values."""

    __slots__ = ("end", "flow", "items", "start")

    def __init__(self, items: list[DocumentNode], start: int, end: int, flow: bool = False) -> None:
        self.items = items
        self.start = start
        self.end = end
        self.flow = flow

    def plain(self) -> list[Any]:
        return [item.value if type(item) is ScalarNode else item.plain() for item in self.items]


class MappingNode:
    """A mapping from text keys to located values; ``keys`` holds the located keys."""

    __slots__ = ("end", "flow", "items", "keys", "start")

    def __init__(
        self, items: dict[str, DocumentNode], keys: dict[str, ScalarNode], start: int, end: int, flow: bool = False
    ) -> None:
        self.items = items
        self.keys = keys
        self.start = start
        self.end = end
        self.flow = flow

    def plain(self) -> dict[str, Any]:
        return {key: item.value if type(item) is ScalarNode else item.plain() for key, item in self.items.items()}


DocumentNode = Union[ScalarNode, SequenceNode, MappingNode]


class Document:
    """A text and the tree read from it."""

    __slots__ = ("root", "source")

    def __init__(self, source: SourceText, root: DocumentNode) -> None:
        self.source = source
        self.root = root

    def find(self, path: Path) -> DocumentNode | None:
        """The value at a path, or None."""
        node: DocumentNode | None = self.root
        for step in path:
            if isinstance(node, MappingNode) and isinstance(step, str):
                node = node.items.get(step)
            elif isinstance(node, SequenceNode) and isinstance(step, int) and 0 <= step < len(node.items):
                node = node.items[step]
            else:
                return None
        return node

    def key_at(self, path: Path) -> ScalarNode | None:
        """The key under which the value at a path stands, or None (items of lists have none)."""
        parent = self.find(path[:-1]) if path else None
        last = path[-1] if path else None
        return parent.keys.get(last) if isinstance(parent, MappingNode) and isinstance(last, str) else None

    def nearest(self, path: Path) -> DocumentNode:
        """The value at a path, or at the longest beginning of it that exists."""
        while path:
            found = self.find(path)
            if found is not None:
                return found
            path = path[:-1]
        return self.root

    def span(self, path: Path) -> Span:
        """The span of the value at a path (or of the nearest value around it)."""
        node = self.nearest(path)
        return self.source.span(node.start, node.end)

    def walk(self) -> Iterator[tuple[Path, DocumentNode]]:
        """Every value with its path, in document order, without recursion."""
        stack: list[tuple[Path, DocumentNode]] = [((), self.root)]
        while stack:
            path, node = stack.pop()
            yield path, node
            if isinstance(node, MappingNode):
                stack.extend(reversed([((*path, key), item) for key, item in node.items.items()]))
            elif isinstance(node, SequenceNode):
                stack.extend(reversed([((*path, index), item) for index, item in enumerate(node.items)]))
