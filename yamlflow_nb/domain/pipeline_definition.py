"""One YAML document as a frozen value. Attribute names are the document's own, camelCase."""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import Any, Literal, Union

from pydantic import Field, PrivateAttr

from yamlflow_nb.domain.document import Document
from yamlflow_nb.domain.expression import ParsedExpressions
from yamlflow_nb.domain.model import Model
from yamlflow_nb.domain.task_definition import InputDeclaration, OutputDeclaration, TaskDefinition

API_VERSION = "yamlflow/v1"
CONTROL_FIELDS: tuple[str, ...] = (
    "id", "title", "description", "startWhen", "skipWhen", "stopWhen", "failWhen", "retryWhen", "inputBindings", "outputs",
    "onFailure", "retry", "timeout", "waitTimeout", "forEach", "maxParallel", "onItemFailure", "maxFailed", "repeat", "cache",
    "resources", "priority", "onInterrupt", "always", "runOn", "emits", "tags",
)  # fmt: skip
"""A node's fields for control. A task type's fields may not take these names."""
PIPELINE_FIELDS: tuple[str, ...] = (
    "apiVersion", "name", "version", "title", "description", "inputVariables", "taskDefinitions", "nodes", "outputs", "stopWhen",
    "timeout", "defaults", "resources", "schedule", "concurrency", "notifications", "tags",
)  # fmt: skip
RESERVED_NAMES = frozenset({"pipeline", "system", "custom", "secrets", "item", "index", "attempt"})
BUILT_IN_EVENTS: tuple[str, ...] = (
    "started", "completed", "passed", "failed", "timed_out", "skipped", "cancelled", "blocked", "finished", "retrying", "waiting",
    "approved", "rejected",
)  # fmt: skip
PIPELINE_EVENTS: tuple[str, ...] = ("started", "paused", "resumed", "finishing", "completed", "failed", "cancelled")
VARIABLE_TYPES: tuple[str, ...] = (
    "string", "number", "integer", "boolean", "date", "datetime", "object", "array", "file", "dataframe", "any",
)  # fmt: skip


class Retry(Model):
    """How a failed attempt is tried again. Durations in seconds."""

    maxAttempts: int = 1
    delay: float = 0.0
    backoff: Literal["fixed", "linear", "exponential"] = "fixed"
    maxDelay: float | None = None
    maxDuration: float | None = None
    jitter: bool = False


class Repeat(Model):
    """Run again and again until ``until`` is true. ``delay`` in seconds."""

    until: Union[str, bool] = False
    maxIterations: int = 20
    delay: float = 0.0


class Recovery(Model):
    """``onFailure: {outputs: {...}}``: a failure counts as completed with these values."""

    outputs: dict[str, Any]


class NodeDefinition(Model):
    """A place in a pipeline: when, what, with what. Only what the document says; defaults are planning's.

    Texts of expressions are kept as written (``True``/``False`` for YAML booleans); their trees are in
    ``PipelineDefinition.parsed``. Durations are seconds. ``None`` means "not written".
    """

    id: str
    taskDefinition: str | None = None
    type: str | None = None
    fields: dict[str, Any] = Field(default_factory=dict)
    """The task type's own fields, as written in the node itself."""
    title: str | None = None
    description: str | None = None
    startWhen: Union[str, bool, None] = None
    skipWhen: Union[str, bool, None] = None
    stopWhen: Union[str, bool, None] = None
    stopAs: Literal["cancelled", "completed"] = "cancelled"
    """From ``stopWhen: {when: ..., as: completed}``."""
    failWhen: Union[str, bool, None] = None
    failMessage: str | None = None
    """From ``failWhen: {when: ..., message: ...}``."""
    retryWhen: Union[str, bool, None] = None
    inputBindings: dict[str, Any] = Field(default_factory=dict)
    outputs: dict[str, OutputDeclaration] = Field(default_factory=dict)
    onFailure: Union[Literal["continue", "stop", "ignore"], Recovery, None] = None
    retry: Retry | None = None
    timeout: float | None = None
    waitTimeout: float | None = None
    forEach: Any = None
    maxParallel: int | None = None
    onItemFailure: Literal["fail", "continue"] | None = None
    maxFailed: Union[int, str, None] = None
    """A number of items, or a share such as ``"10%"``."""
    repeat: Repeat | None = None
    cache: Any = None
    resources: dict[str, Any] | None = None
    priority: int | None = None
    onInterrupt: Literal["retry", "fail", "ask"] | None = None
    always: bool | None = None
    runOn: str | None = None
    emits: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


class PipelineDefinition(Model):
    """One pipeline document, checked for shape. ``content_hash`` tells versions apart: comments and layout don't count."""

    apiVersion: str = API_VERSION
    namespace: str = "default"
    name: str
    version: str | None = None
    title: str | None = None
    description: str | None = None
    inputVariables: dict[str, InputDeclaration] = Field(default_factory=dict)
    taskDefinitions: dict[str, TaskDefinition] = Field(default_factory=dict)
    nodes: tuple[NodeDefinition, ...] = ()
    outputs: dict[str, Any] = Field(default_factory=dict)
    stopWhen: Union[str, bool, None] = None
    timeout: float | None = None
    defaults: NodeDefinition | None = None
    """Control fields for all nodes (its ``id`` is empty); what a node writes itself, also ``0`` or ``false``, beats it."""
    resources: dict[str, Any] | None = None
    schedule: Any = None
    concurrency: dict[str, Any] | None = None
    notifications: tuple[dict[str, Any], ...] = ()
    tags: tuple[str, ...] = ()

    _parsed: ParsedExpressions = PrivateAttr(default_factory=ParsedExpressions)
    _document: Document | None = PrivateAttr(default=None)

    @cached_property
    def parsed(self) -> ParsedExpressions:
        """The trees of all expressions; filled by ``language.definition_reader``."""
        return self._parsed

    @property
    def document(self) -> Document | None:
        """The located text it was read from."""
        return self._document

    @cached_property
    def positions(self) -> dict[str, int]:
        """Each node's id and its index in ``nodes``."""
        return {node.id: index for index, node in enumerate(self.nodes)}

    def holds_task(self, name: str) -> bool:
        """Whether a task is this document's own, and not one that was published."""
        return self._document is None or self._document.find(("taskDefinitions", name)) is not None

    @property
    def qualified_name(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def content_hash(self) -> str:
        """SHA-256 over the parsed document with sorted keys and without defaults. The head is written out by ``publish``:
        whether it was written before makes no other content."""
        content = self._document.root.plain() if self._document is not None else self.model_dump(exclude_defaults=True)
        if isinstance(content, dict):
            content = {**content, "apiVersion": self.apiVersion, "name": self.qualified_name}
            content.pop("namespace", None)
        return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False, default=str).encode()).hexdigest()
