"""A definition made ready to run: every default written out, and which fact concerns which node.

Built once by ``planning``; nothing in it changes while executions run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Union

from yamlflow_nb.domain.expression import BoundTemplate, Template, TriggerExpression, ValueExpression
from yamlflow_nb.domain.pipeline_definition import PipelineDefinition, Recovery, Repeat, Retry
from yamlflow_nb.domain.pool import Demand
from yamlflow_nb.domain.task_definition import InputDeclaration, OutputDeclaration, TaskType

# Verdicts of an expression, four-valued.
UNKNOWN, TRUE, FALSE, ERROR = 0, 1, 2, 3
VERDICT_NAMES = ("unknown", "true", "false", "error")

# What a gate of the network does with its inputs.
ROOT, AND, OR, NOT, COUNT, VALUE, VOLATILE, HOLD = range(8)

# Which expression of a node a root belongs to.
START, SKIP, STOP, HELD = range(4)

PIPELINE = -1
"""Stands for the pipeline where a node's index is expected."""


@dataclass
class Network:
    """Atoms, and the gates that they feed: a commit costs what the atoms that it settles feed, and no more.

    ``atoms`` maps ``(source, event)`` to a number; ``"custom"`` and ``"pipeline"`` are sources too. An atom whose event is
    prefixed by ``now:`` is read as false until it happens (for ``skipWhen``, which never waits for what may never come).
    Atoms 0 and 1 are the constants true and false. Gates are parallel lists: ``kind``, ``parent`` (a gate, or -1 for roots),
    ``arity`` (inputs). ``roots[role][node]`` is the root gate of a node's expression, or -1.
    """

    atoms: dict[tuple[str, str], int] = field(default_factory=dict)
    feeds: list[list[int]] = field(default_factory=list)
    """By atom: the gates that it feeds, once an occurrence."""
    atoms_of: dict[str, dict[str, int]] = field(default_factory=dict)
    """By source: event → atom."""
    kind: list[int] = field(default_factory=list)
    parent: list[int] = field(default_factory=list)
    arity: list[int] = field(default_factory=list)
    owner: list[int] = field(default_factory=list)
    """By gate: the node's index (``PIPELINE`` for the pipeline's own)."""
    role: list[int] = field(default_factory=list)
    expression: dict[int, ValueExpression] = field(default_factory=dict)
    """By value gate: what it evaluates."""
    trigger: dict[int, TriggerExpression] = field(default_factory=dict)
    """By value gate: the trigger in which it stands, for places."""
    threshold: dict[int, tuple[str, int]] = field(default_factory=dict)
    """By count gate: comparison and number."""
    shared_parents: dict[int, list[int]] = field(default_factory=dict)
    """By gate that several expressions share (a pattern over many nodes): the gates that it feeds."""
    roots: list[list[int]] = field(default_factory=lambda: [[], [], [], []])
    pipeline_stop: int = -1
    watchers: dict[str, list[int]] = field(default_factory=dict)
    """By node's id, or ``custom.<name>``: the volatile value gates that read its names."""
    expected: list[int] = field(default_factory=list)
    """Atoms that start false: see ``now:``."""


@dataclass(slots=True)
class PlannedNode:
    """One node with nothing left to default."""

    index: int
    id: str
    type: str | None
    start: TriggerExpression
    derived_start: bool
    skip: TriggerExpression | None
    stop: TriggerExpression | None
    stop_as: Literal["cancelled", "completed"]
    fail: TriggerExpression | None
    fail_message: BoundTemplate | None
    retry_when: TriggerExpression | None
    until: TriggerExpression | None
    for_each: BoundTemplate | None
    for_each_value: Any
    is_for_each: bool
    bindings: Mapping[str, Any]
    bound: tuple[BoundTemplate, ...]
    fields: Mapping[str, Any]
    bound_fields: tuple[BoundTemplate, ...]
    recovery: tuple[BoundTemplate, ...]
    display: tuple[BoundTemplate, ...]
    outputs: Mapping[str, OutputDeclaration]
    built_in_outputs: Mapping[str, str]
    inputs: Mapping[str, InputDeclaration] | None
    retry: Retry
    timeout: float | None
    wait_timeout: float | None
    on_failure: Union[Literal["continue", "stop", "ignore"], Recovery]
    always: bool
    max_parallel: int | None
    on_item_failure: Literal["fail", "continue"]
    max_failed: Union[int, str, None]
    repeat: Repeat | None
    on_interrupt: str
    priority: int
    demand: Demand | None
    """What each attempt needs of a pool; None where it may start at once."""
    emits: frozenset[str]
    waits: str | None
    awaited: tuple[str, str] | None
    """The event that a ``wait`` node waits for: ``("custom", name)``."""
    on_reject: str
    on_timeout: Any
    holds: tuple[tuple[str, str], ...]
    """Atoms ``(source, event)`` that must be known before the node's names are settled."""
    is_finally: bool = False
    remind: float | None = None
    """Seconds after which people are reminded of an approval, again and again."""


@dataclass
class ExecutionPlan:
    """A definition, its nodes in document order, and the network that wakes them."""

    definition: PipelineDefinition
    nodes: list[PlannedNode]
    index: dict[str, int]
    network: Network
    stop_when: TriggerExpression | None
    outputs: Mapping[str, Union[Template, Any]]
    timeout: float | None
    task_types: Mapping[str, TaskType] = field(default_factory=dict)
    awaiting: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """By event from outside: the nodes that are a ``wait`` for it."""
