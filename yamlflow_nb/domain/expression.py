"""Expressions as trees: what ``startWhen`` and its kin say, and what stands in ``{{ }}``.

Offsets (``start``, ``end``) count characters, 0-based, end exclusive, in the *text of the scalar* that holds the
expression; ``language.scalar_places`` turns them into places of the file.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Union

from yamlflow_nb.domain.document import Path
from yamlflow_nb.domain.value import value

Guard = Literal["plain", "default", "peek"]
"""How a name is read: needed as it is; under ``default``, ``coalesce`` or ``defined``; under ``peek``."""


@value
class NameRead:
    """One reading of a name. ``path`` holds its constant steps: ``a.b["c"][0]`` is ``("a", "b", "c", 0)``;
    it stops at the first step that is computed."""

    path: Path
    guard: Guard
    start: int
    end: int


@value
class ValueExpression:
    """What stands between ``{{`` and ``}}``, parsed once. ``start``/``end`` include the braces;
    ``tree`` is checked against the allow-list and its nodes' ``col_offset`` are *not* to be trusted: use
    ``start``/``end`` given by the parser's own table."""

    text: str
    tree: ast.expr
    reads: tuple[NameRead, ...]
    start: int
    end: int

    def __repr__(self) -> str:
        return f"ValueExpression({self.text!r})"


@value
class Template:
    """A string with ``{{ }}`` in it. ``parts`` alternate freely between texts and expressions.
    ``whole`` (exactly one ``{{ }}``, white space apart) keeps the value's type; otherwise the result is a string."""

    text: str
    parts: tuple[Union[str, ValueExpression], ...]
    whole: bool
    statements: bool = False
    """A text for Jinja2, to be rendered in a process of its own; ``parts`` are the names that it reads."""

    @property
    def expressions(self) -> tuple[ValueExpression, ...]:
        return tuple(part for part in self.parts if isinstance(part, ValueExpression))


@value
class EventAtom:
    """``event:SOURCE.EVENT``; source is a node's id, ``pipeline`` or ``custom``."""

    source: str
    event: str
    start: int
    end: int

    @property
    def text(self) -> str:
        return f"event:{self.source}.{self.event}"


@value
class PatternAtom:
    """``event:extract_*.completed``: at least one of the nodes that the pattern matches."""

    pattern: str
    event: str
    start: int
    end: int

    @property
    def text(self) -> str:
        return f"event:{self.pattern}.{self.event}"


@value
class ValueAtom:
    """``{{ ... }}`` in a trigger: must give exactly true or false."""

    expression: ValueExpression
    start: int
    end: int

    @property
    def text(self) -> str:
        return "{{" + self.expression.text + "}}"


@value
class Constant:
    """``true`` or ``false``."""

    value: bool
    start: int
    end: int


@value
class Not:
    operand: TriggerNode
    start: int
    end: int


@value
class And:
    """``a && b && c``: operands flattened."""

    operands: tuple[TriggerNode, ...]
    start: int
    end: int


@value
class Or:
    """``a || b || c``: operands flattened."""

    operands: tuple[TriggerNode, ...]
    start: int
    end: int


Quantifier = Literal["all", "any", "none", "count"]
Comparison = Literal[">=", ">", "<=", "<", "==", "!="]


@value
class Quantified:
    """``all(...)``, ``any(...)``, ``none(...)`` or ``count(...) >= 2``. ``comparison`` and ``threshold`` are for count alone."""

    quantifier: Quantifier
    items: tuple[Union[EventAtom, PatternAtom], ...]
    comparison: Comparison | None
    threshold: int | None
    start: int
    end: int


TriggerNode = Union[EventAtom, PatternAtom, ValueAtom, Constant, Not, And, Or, Quantified]


@value
class TriggerExpression:
    """A whole ``startWhen`` (or its kin): the text as written, the tree, and where in the document it stands.
    A derived default has an empty path."""

    text: str
    root: TriggerNode
    path: Path = ()


@value
class BoundTemplate:
    """A template and the path, within ``inputBindings`` or the task's fields, at which its value goes."""

    path: Path
    template: Template
    place: Path
    """Its path in the document."""


@dataclass
class NodeExpressions:
    """Everything that one node's texts say, parsed once."""

    startWhen: TriggerExpression | None = None  # noqa: N815
    skipWhen: TriggerExpression | None = None  # noqa: N815
    stopWhen: TriggerExpression | None = None  # noqa: N815
    failWhen: TriggerExpression | None = None  # noqa: N815
    retryWhen: TriggerExpression | None = None  # noqa: N815
    until: TriggerExpression | None = None
    for_each: BoundTemplate | None = None
    bindings: tuple[BoundTemplate, ...] = ()
    fields: tuple[BoundTemplate, ...] = ()
    """Templates in the task's own fields, from the node or from its task definition."""
    display: tuple[BoundTemplate, ...] = ()
    """``title`` and ``description``: never waited for."""
    recovery: tuple[BoundTemplate, ...] = ()
    """Templates in ``onFailure.outputs``."""
    fail_message: BoundTemplate | None = None


@dataclass
class ParsedExpressions:
    """The parsed expressions of a definition: one entry a node in document order, and the pipeline's own."""

    nodes: list[NodeExpressions] = field(default_factory=list)
    stop_when: TriggerExpression | None = None
    outputs: Mapping[str, Template | Any] = field(default_factory=dict)
    """Each output's template, or its constant."""
    starts: list[TriggerExpression] | None = None
    """Every node's ``startWhen``, written or derived; made by ``language.derivation`` when first asked for."""
    finally_nodes: frozenset[str] | None = None
    """Made by ``language.reachability`` when first asked for."""
    plan: tuple[Any, Any] | None = None
    """The task types with which ``planning`` made a plan of the definition, and the plan."""
