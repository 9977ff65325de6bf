"""What a node does: a task type and its fields, named or inline, with typed inputs and outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from yamlflow_nb.domain.model import Model


class OutputDeclaration(Model):
    """A declared output of a node: its type, and whether it may be left unset."""

    type: str = "any"
    optional: bool = False
    description: str | None = None


class InputDeclaration(Model):
    """A declared input of a task or of a pipeline. Without ``default`` (and unless ``required: false``) it must be given."""

    type: str = "any"
    title: str | None = None
    description: str | None = None
    default: Any = None
    required: bool | None = None
    minimum: Any = None
    maximum: Any = None
    minLength: int | None = None
    maxLength: int | None = None
    enum: list[Any] | None = None

    @property
    def has_default(self) -> bool:
        return "default" in self.model_fields_set

    @property
    def is_required(self) -> bool:
        return not self.has_default if self.required is None else self.required and not self.has_default


class TaskFields(BaseModel):
    """Base of a task type's own fields: its pydantic model becomes schema, form, completion and documentation.
    Field names are camelCase and may not be those of the node's control fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class TaskType:
    """A kind of task, as the language knows it.

    ``outputs`` are those that the type always has, name → type. ``events`` are the built-in events that only this
    type emits (``approved``, ``rejected``). ``waits`` names what it waits for while active: a ``person``, an ``event`` (also a
    time, or what its executor looks for), or a ``child``.
    ``no_templates`` maps a field that may not hold ``{{ }}`` to the advice shown (SQL text: the bound form); ``bound_form`` is
    how such a field reads a bound ``{name}`` instead. ``texts`` names fields whose text may hold statements of Jinja2;
    ``literal`` names fields that hold a program's text, in which ``{{`` means nothing here. ``repeatable`` tells of
    fields with which an interrupted attempt does no harm when it runs again, whatever ``on_interrupt`` says.
    ``parameters`` names the field whose text takes parameters, and finds them: (``parameter`` or ``identifier``, name,
    start, end) of each.
    """

    name: str
    fields: type[TaskFields]
    outputs: Mapping[str, str] = field(default_factory=dict)
    events: tuple[str, ...] = ()
    waits: str | None = None
    on_interrupt: str = "ask"
    repeatable: Callable[[Mapping[str, Any]], bool] | None = None
    no_templates: Mapping[str, str] = field(default_factory=dict)
    bound_form: str = ":{name}"
    literal: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    parameters: tuple[str, Callable[[str], Iterator[tuple[str, str, int, int]]]] | None = None
    summary: str = ""
    package: str | None = None
    """The distribution that brings it, where it is not ours."""
    is_missing: bool = False
    """A stand-in for a type that is not installed any more: takes any fields, and nothing can run it."""

    @classmethod
    def missing(cls, name: str, package: str | None, on_interrupt: str) -> TaskType:
        """What is left of a type whose package is gone."""
        return cls(name=name, fields=TaskFields, package=package, on_interrupt=on_interrupt, is_missing=True)


class TaskDefinition(Model):
    """A reusable piece of work: a type (``notebook``, ``sql``, ...) and its fields, typed inputs and outputs."""

    name: str
    type: str
    fields: dict[str, Any] = Field(default_factory=dict)
    inputs: dict[str, InputDeclaration] | None = None
    """None where the task declares none: then any binding is accepted."""
    outputs: dict[str, OutputDeclaration] = Field(default_factory=dict)
    description: str | None = None
