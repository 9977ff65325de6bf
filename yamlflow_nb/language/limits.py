"""How large a document may be: bytes, values, depth. What a hostile text costs is bounded by these."""

from __future__ import annotations

import re

from yamlflow_nb.domain.diagnostic import Diagnostic
from yamlflow_nb.domain.document import DocumentNode, MappingNode, SequenceNode
from yamlflow_nb.domain.source import SourceText
from yamlflow_nb.language.locate import diagnostic_at

DEEPEST = 32
MOST_BYTES = 1_048_576
BYTES_A_NODE = 512
MOST_VALUES = 20_000
VALUES_A_NODE = 40
FROM_NODES = 1_000
"""From so many nodes on the number of values goes by the node."""

_NODES_KEY = re.compile(r"""^(?:nodes|"nodes"|'nodes')[ \t]*:[ \t]*(?:#[^\r\n]*)?\r?$""", re.MULTILINE)
_FIRST_ITEM = re.compile(r"^([ ]*)-[ \r\n]", re.MULTILINE)
_NEXT_KEY = re.compile(r"^[^\s#-]", re.MULTILINE)
_FLOW_NODE = re.compile(r"""\bid["']?[ \t\r\n]*:""")
_SPLIT = "split the pipeline into several (`type: subpipeline`), or keep data in files that nodes read"


def too_long(source: SourceText) -> Diagnostic | None:
    """Refuses a text longer than any pipeline of so many nodes needs."""
    if len(source.text) * 4 <= MOST_BYTES:
        return None
    size = len(source.text) if source.text.isascii() else len(source.text.encode())
    if size <= MOST_BYTES:
        return None
    return _size_refusal(source, size, _nodes_by_text(source.text))


def _size_refusal(source: SourceText, size: int, nodes: int) -> Diagnostic | None:
    allowed = max(MOST_BYTES, BYTES_A_NODE * nodes)
    if size <= allowed:
        return None
    message = f"the document has {size:,} bytes; with {nodes:,} nodes it may have {allowed:,}"
    return diagnostic_at(source, "YF102", 0, 0, message, hint=_SPLIT)


def _nodes_by_text(text: str) -> int:
    """How many nodes the text declares, without parsing: exact for a block list, at least as many as there are otherwise."""
    nodes_key = _NODES_KEY.search(text)
    if nodes_key is None:
        return sum(1 for _ in _FLOW_NODE.finditer(text))
    first = _FIRST_ITEM.search(text, nodes_key.end())
    if first is None:
        return 0
    next_key = _NEXT_KEY.search(text, first.start())
    stop = next_key.start() if next_key else len(text)
    item = "\n" + first[1] + "-"
    return sum(text.count(item + behind, first.start() - 1, stop) for behind in (" ", "\n", "\r"))


class Allowance:
    """How many values a document may still have; counted nodes raise it, once the plain limit is passed."""

    def __init__(self, source: SourceText) -> None:
        self.source = source
        self.limit = MOST_VALUES
        self.nodes: int | None = None

    def next_limit(self, count: int) -> int | None:
        """After ``limit`` was passed: the limit that the declared nodes allow, or None when that is passed too."""
        if self.nodes is None:
            self.nodes = _nodes_by_text(self.source.text)
            self.limit = _allowed(self.nodes)
        return self.limit if count <= self.limit else None

    def refusal(self, nodes: int | None = None) -> Diagnostic:
        known = self.nodes or 0 if nodes is None else nodes
        message = f"the document has more than {_allowed(known):,} values, which is what {known:,} nodes may have"
        return diagnostic_at(self.source, "YF103", 0, 0, message, hint=_SPLIT)

    def exceeded(self, count: int, root: DocumentNode) -> Diagnostic | None:
        """The same two limits by the nodes that are really there."""
        size = len(self.source.text.encode("utf-8", "replace")) if len(self.source.text) * 4 > MOST_BYTES else 0
        if count <= MOST_VALUES and size <= MOST_BYTES:
            return None
        nodes = root.items.get("nodes") if isinstance(root, MappingNode) else None
        declared = len(nodes.items) if isinstance(nodes, SequenceNode) else 0
        if count > _allowed(declared):
            return self.refusal(declared)
        return _size_refusal(self.source, size, declared)


def _allowed(nodes: int) -> int:
    return MOST_VALUES if nodes < FROM_NODES else max(MOST_VALUES, VALUES_A_NODE * nodes)
