"""A long text with statements of Jinja2 (``{% for %}``): which names it reads. It is rendered in a process of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from yamlflow_nb.domain.document import Path
from yamlflow_nb.domain.expression import Guard, NameRead, Template, ValueExpression
from yamlflow_nb.language.functions import FUNCTIONS
from yamlflow_nb.language.problem import refuse
from yamlflow_nb.language.value_parser import parse_template

if TYPE_CHECKING:
    from jinja2 import nodes

MOST_CHARACTERS = 64 * 1024
"""Of a text with statements, as it is written."""
_STEPS = {"pipeline": 3, "system": 2, "custom": 2, "item": 1, "index": 1}
_GUARDING = frozenset({"defined", "default", "coalesce"})


def has_statements(text: str) -> bool:
    """Whether a text is one for Jinja2."""
    return "{%" in text or "{#" in text


def parse_long_text(text: str) -> Template:
    """The names that a text with statements reads, as expressions; the text itself stays as it is. Raises
    ``ExpressionSyntaxError``."""
    from jinja2 import Environment, TemplateSyntaxError, meta, nodes

    if len(text) > MOST_CHARACTERS:
        refuse("YF209", f"a text with statements has at most {MOST_CHARACTERS:,} characters, this has {len(text):,}", 0, len(text))
    try:
        tree = Environment(autoescape=False).parse(text)  # noqa: S701 - only read, never rendered here
    except TemplateSyntaxError as error:
        start = sum(len(line) + 1 for line in text.split("\n")[: error.lineno - 1])
        line = text[start:].partition("\n")[0]
        refuse("YF201", f"this text cannot be read: {error.message}", start, start + len(line))
    for part in tree.find_all((nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends)):
        kind = type(part).__name__.lower()
        refuse("YF201", f"a text reads no other file: `{{% {kind} %}}` has no meaning here", 0, len(text))
    free = meta.find_undeclared_variables(tree) - FUNCTIONS.keys()
    found: dict[Path, ValueExpression] = {}
    for path, guard in _chains(tree, free, "plain"):
        if path not in found or guard == "plain":
            found[path] = _expression(text, path, guard)
    return Template(text, tuple(found.values()), False, True)


def _chains(node: nodes.Node, free: set[str], guard: Guard) -> Iterator[tuple[Path, Guard]]:
    """The names that are read below a node of the text: ``a.b["c"]`` as ``("a", "b", "c")``."""
    from jinja2 import nodes

    path = _path(node)
    if path is not None:
        if path[0] in free:
            yield path[: _length(path)], guard
        return
    name = getattr(node, "name", None)
    if isinstance(node, (nodes.Test, nodes.Filter)) and name in _GUARDING:
        guard = "default"
    if isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name in _GUARDING:
        guard = "default"
    for child in node.iter_child_nodes():
        yield from _chains(child, free, guard)


def _path(node: nodes.Node) -> Path | None:
    from jinja2 import nodes

    steps: list[Any] = []
    while isinstance(node, (nodes.Getattr, nodes.Getitem)):
        if isinstance(node, nodes.Getattr):
            steps.append(node.attr)
        elif isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            steps.append(node.arg.value)
        else:
            steps.clear()  # computed: what it is looked up in is read whole
            if _path(node.node) is None:
                return None
        node = node.node
    return (node.name, *reversed(steps)) if isinstance(node, nodes.Name) else None


def _length(path: Path) -> int:
    if path[0] in _STEPS:
        return _STEPS[str(path[0])]
    return 3 if len(path) > 1 and path[1] in ("run", "events") else 2


def _expression(text: str, path: Path, guard: Guard) -> ValueExpression:
    """A name as an expression of its own, with its place in the text."""
    pattern = r"\s*\.\s*".join(re.escape(str(step)) for step in path)
    place = re.search(rf"(?<![\w.]){pattern}(?!\w)", text) or re.search(rf"(?<![\w.]){re.escape(str(path[0]))}(?!\w)", text)
    start, end = place.span() if place is not None else (0, len(text))
    parsed = parse_template("{{ " + ".".join(map(str, path)) + " }}")
    assert parsed is not None
    return replace(parsed.expressions[0], reads=(NameRead(path, guard, start, end),), start=start, end=end)
