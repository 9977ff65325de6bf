"""What a person is asked at an approval: the text, the form, the answers that there are, and who may give them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from yamlflow_nb.domain.event import ApprovalDecided, AttemptKey
from yamlflow_nb.domain.task_definition import InputDeclaration
from yamlflow_nb.domain.typed_json import dumps
from yamlflow_nb.domain.variable import fits, type_of

LONGEST_COMMENT = 4096
"""Bytes of a comment."""
FORM_TYPES = ("string", "number", "integer", "boolean", "date", "datetime", "array", "object", "any")
TAKEN_NAMES = frozenset({"decision", "by", "at", "comment", "run", "events"})
"""No field of a form may be called so: these are the node's own."""
_ACTION = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True)
class Action:
    """One answer: ``id`` becomes the output ``decision``; it approves, unless it ``rejects``."""

    id: str
    title: str
    style: str | None = None
    rejects: bool = False


@dataclass(frozen=True)
class Refusal:
    """Why a decision does not count: a code of the docs, what is wrong, what to do."""

    code: str
    message: str
    hint: str | None = None

    def as_text(self) -> str:
        """One text, for the answer to a request; ``from_text`` reads it."""
        return "\n".join(part for part in (f"{self.code}: {self.message}", self.hint) if part)

    @classmethod
    def from_text(cls, text: str) -> Refusal | None:
        """The refusal that a text tells, or None."""
        found = re.fullmatch(r"(YF\d{3}): ([^\n]*)(?:\n(.*))?", text, re.DOTALL)
        return cls(found[1], found[2], found[3]) if found else None


@dataclass(frozen=True)
class Asked:
    """One approval as it is asked now. ``message`` is a text, or a mapping that says what is to be rendered. ``approvers`` is None
    where whoever may run the pipeline decides; ``escalated`` are those who may since nobody answered in time. ``votes`` are the
    decisions that count so far. ``ends_at`` is when its time is over, in seconds since the epoch."""

    execution_id: str
    pipeline: str
    attempt: AttemptKey
    title: str
    message: Any
    form: Mapping[str, InputDeclaration]
    actions: Sequence[Action]
    approvers: Sequence[str] | None
    escalated: Sequence[str]
    allow_self: bool
    quorum: int
    evidence: Any
    initiator: str
    since: float
    ends_at: float | None
    votes: Sequence[ApprovalDecided]
    basis: Mapping[str, Any]
    """What the question rests on: the definition's hash and the run's inputs."""

    @property
    def node(self) -> str:
        return self.attempt.node

    @property
    def what(self) -> dict[str, Any]:
        """What is shown, as plain data: this is what a decision is bound to."""
        return {
            "execution": self.execution_id,
            "attempt": list(self.attempt),
            "title": self.title,
            "message": self.message,
            "evidence": self.evidence,
            "form": {name: field.model_dump(exclude_unset=True) for name, field in self.form.items()},
            "actions": [[action.id, action.title, action.rejects] for action in self.actions],
            "quorum": self.quorum,
            **self.basis,
        }

    @property
    def shown(self) -> str:
        """The hash of what is shown."""
        return hashlib.sha256(dumps(self.what).encode()).hexdigest()

    def action(self, name: str) -> Action | None:
        return next((action for action in self.actions if action.id == name), None)

    def may_decide(self, by: str) -> bool:
        """Whether somebody is one of those who are asked. Names are compared exactly: no case, no look-alike is forgiven."""
        if self.approvers is None:
            return True
        return by in {*self.approvers, *self.escalated} and (by != self.initiator or self.allow_self)


# --- fields of the task, resolved → what is asked --------------------------------------------------------------------


def actions_of(given: Any) -> tuple[Action, ...]:
    """The answers that there are: those given, else approve and reject. Whoever is asked may always reject. Raises
    ``ValueError``."""
    if given is None:
        return (Action("approve", "Approve"), Action("reject", "Reject", None, True))
    found: list[Action] = []
    for one in given:
        name = one.get("id") if isinstance(one, Mapping) else None
        if not isinstance(name, str) or not _ACTION.fullmatch(name):
            raise ValueError(f"an action needs an `id` such as approve, in small letters, digits and `_`; this is {one!r}")
        unknown = sorted(set(one) - {"id", "title", "style", "rejects"})
        if unknown:
            raise ValueError(f"the action `{name}` has no field `{unknown[0]}`; fields: id, title, style, rejects")
        if any(name == other.id for other in found):
            raise ValueError(f"there are two actions `{name}`")
        title = str(one.get("title") or name.replace("_", " ").capitalize())
        found.append(Action(name, title, one.get("style"), bool(one.get("rejects", name == "reject"))))
    if not any(not action.rejects for action in found):
        raise ValueError("no action approves: it could never be approved")
    if not any(action.rejects for action in found):
        found.append(Action("reject", "Reject", None, True))
    return tuple(found)


def form_of(given: Any) -> dict[str, InputDeclaration]:
    """The fields of the form. Raises ``ValueError``."""
    found: dict[str, InputDeclaration] = {}
    for name, field in (given or {}).items():
        if not isinstance(field, Mapping):
            field = {"type": field}
        if not name.isidentifier() or name in TAKEN_NAMES:
            taken = f"`{name}` is an output of every approval" if name in TAKEN_NAMES else "names are letters, digits and `_`"
            raise ValueError(f"no field of a form can be called `{name}`: {taken}")
        known = ("type", "title", "description", "default", "enum", "required")
        unknown = sorted(set(field) - set(known))
        if unknown:
            raise ValueError(f"the field `{name}` has no `{unknown[0]}`; known: {', '.join(known)}")
        kind = field.get("type", "string")
        if kind not in FORM_TYPES:
            raise ValueError(f"the field `{name}` has no type `{kind}`; types: {', '.join(FORM_TYPES)}")
        enum = field.get("enum")
        if enum is not None and (not isinstance(enum, list) or not enum or not all(fits(value, kind) for value in enum)):
            raise ValueError(f"`enum` of the field `{name}` must be a list of values of type {kind}")
        default = field.get("default")
        if default is not None and (not fits(default, kind) and kind not in ("date", "datetime")):
            raise ValueError(f"the default of the field `{name}` should be {kind}, but it is {type_of(default)}")
        if default is not None and enum is not None and default not in enum:
            raise ValueError(f"the default of the field `{name}` is none of {', '.join(map(repr, enum))}")
        found[name] = InputDeclaration(**{"type": "string", **field})
    return found


def approvers_of(given: Any) -> tuple[str, ...] | None:
    """Those who may decide; None: whoever may run the pipeline. Raises ``ValueError`` for a list that names nobody."""
    if given is None:
        return None
    names = [given] if isinstance(given, str) else given
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) and name.strip() for name in names):
        raise ValueError(f"`approvers` must be names of users, this is {given!r}")
    if not names:
        raise ValueError("nobody could ever approve: name someone, or leave `approvers` out")
    return tuple(dict.fromkeys(names))
