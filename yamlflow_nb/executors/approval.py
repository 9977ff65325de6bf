"""``type: approval``: a person decides."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from yamlflow_nb.domain.approval import FORM_TYPES, actions_of, form_of
from yamlflow_nb.domain.task_definition import TaskFields, TaskType
from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.language.declarations import meant_type
from yamlflow_nb.language.durations import FORMS, parse_duration
from yamlflow_nb.orchestration.approval import asked


class Escalation(BaseModel):
    """Who is asked as well when nobody has answered in time, and how long."""

    model_config = ConfigDict(extra="forbid")

    escalate: list[str] = Field(min_length=1)
    within: str | float = "1d"

    @field_validator("within")
    @classmethod
    def _duration(cls, value: str | float) -> str | float:
        return _checked_duration(value)


class ApprovalFields(TaskFields):
    """Fields of an ``approval`` task."""

    message: str | None = Field(default=None, description="what is asked, below the node's title; may hold statements of Jinja2")
    form: dict[str, dict[str, Any]] | None = Field(
        default=None, description="what whoever approves fills in: field → {type, title, default, enum, required}"
    )
    actions: list[dict[str, Any]] | None = Field(
        default=None, description="the answers: [{id, title, style, rejects}]; approve and reject where none are given"
    )
    approvers: list[str] | str | None = Field(
        default=None, description="only these users decide; left out: whoever may run the pipeline"
    )
    allowSelf: bool = Field(default=False, description="of the `approvers` also the one who started the run may decide")
    quorum: int = Field(default=1, ge=1, description="so many people must choose the same action")
    evidence: Any = Field(default=None, description="what the decision rests on: values and references, shown and bound by hash")
    remind: str | float | None = Field(default=None, description="tell people again, each time this has passed")
    onReject: Literal["fail", "ignore"] = Field(default="fail", description="ignore: a rejection does not fail the execution")
    onTimeout: Literal["fail", "reject"] | Escalation = Field(
        default="fail", description="what waitTimeout does: fail, reject, or {escalate: [who], within: 1d}"
    )

    @field_validator("approvers")
    @classmethod
    def _someone(cls, value: list[str] | str | None) -> list[str] | str | None:
        if value is not None and not value:
            raise ValueError("nobody could ever approve: name someone, or leave `approvers` out")
        return value

    @field_validator("form")
    @classmethod
    def _types(cls, value: dict[str, dict[str, Any]] | None) -> dict[str, dict[str, Any]] | None:
        for name, field in (value or {}).items():
            kind = field.get("type", "string")
            if kind not in FORM_TYPES and "{{" not in str(kind):
                close = meant_type(kind) if isinstance(kind, str) else None
                advice = f"did you mean `{close}`?" if close in FORM_TYPES else f"types: {', '.join(FORM_TYPES)}"
                raise ValueError(f"the field `{name}` has no type `{kind}`; {advice}")
        _look_unless_computed(value, form_of)
        return value

    @field_validator("actions")
    @classmethod
    def _answers(cls, value: list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
        _look_unless_computed(value, actions_of)
        return value

    @field_validator("onTimeout", mode="before")
    @classmethod
    def _late(cls, value: Any) -> Any:
        if isinstance(value, Mapping) and (not value.get("escalate") or set(value) - {"escalate", "within"}):
            raise ValueError("write {escalate: [carla], within: 1d}: who is asked as well, and how long")
        return value

    @field_validator("remind")
    @classmethod
    def _duration(cls, value: str | float | None) -> str | float | None:
        return value if value is None else _checked_duration(value)

    @model_validator(mode="after")
    def _enough(self) -> ApprovalFields:
        if isinstance(self.approvers, list) and self.quorum > len(self.approvers):
            raise ValueError(f"`quorum` is {self.quorum} and there are {len(self.approvers)} approvers: it could never be reached")
        return self


def _checked_duration(value: str | float) -> str | float:
    if "{{" in str(value):
        raise ValueError("a duration is written out here, without {{ }}")
    if not parse_duration(value):
        raise ValueError(f"this is no duration; durations: {FORMS}")
    return value


def _look_unless_computed(value: Any, look: Callable[[Any], Any]) -> None:
    """What ``{{ }}`` stand in is looked at when it has its values."""
    if value is not None and "{{" not in str(value):
        look(value)


TASK_TYPE = TaskType(
    name="approval",
    fields=ApprovalFields,
    outputs={"decision": "string", "by": "string", "at": "datetime", "comment": "string"},
    events=("approved", "rejected"),
    waits="person",
    on_interrupt="retry",
    texts=("message",),
    summary="Waits for a person to approve or reject.",
)


class ApprovalExecutor:
    """Looks, when an approval begins to wait, whether it can be asked at all. The waiting itself is a state of the execution: no
    thread and no worker is held, and it outlives every process. ``render`` makes a text of a message with statements."""

    api = 1
    task_type = TASK_TYPE

    def __init__(self, render: Callable[[Any], str] = str) -> None:
        self._render = render

    def execute(self, work: Work) -> Mapping[str, Any]:
        """Nothing where it can be asked; raises ``TaskFailed`` where nobody could ever answer."""
        try:
            question = asked(work.fields, work.attempt, "", work.initiator, work.execution_id)
        except ValueError as error:
            raise TaskFailed("ApprovalError", f"this cannot be asked: {error}") from None
        late = work.fields.get("onTimeout")
        named = [*(question.approvers or ()), *(late.get("escalate", ()) if isinstance(late, Mapping) else ())]
        able = dict.fromkeys(name for name in named if name != work.initiator or question.allow_self)
        if question.approvers is not None and question.quorum > len(able):
            told = f"`quorum` is {question.quorum}, and {len(able)} of {', '.join(named)} may decide on a run of {work.initiator}"
            raise TaskFailed("ApprovalError", f"{told}: it could never be reached; name others, or write `allowSelf: true`")
        if isinstance(question.message, Mapping):
            try:
                self._render(question.message)
            except ValueError as error:
                raise TaskFailed("TextError", f"the message cannot be rendered: {error}") from None
        return {}
