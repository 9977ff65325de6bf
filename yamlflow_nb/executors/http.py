"""``type: http``: one request."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import field_validator

from yamlflow_nb.domain.task_definition import TaskFields, TaskType
from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.executors.configured import ConfiguredExecutor
from yamlflow_nb.executors.given_secrets import give_secrets

_CLASS = re.compile(r"[1-5]xx")
_FORMS = "a status (200), a class (2xx), a list of these, or {status: ..., type: json}"


class HttpFields(TaskFields):
    """Fields of an ``http`` task. In ``url``, ``headers`` and ``body`` a ``${NAME}`` is a variable of ``env``, or a secret of
    ``secrets``. ``body`` goes out as JSON unless it is a text. ``expect``: which answers are a success (default ``2xx``)."""

    url: str
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"] = "GET"
    headers: dict[str, Any] | None = None
    body: Any = None
    expect: int | str | list[Any] | dict[str, Any] | None = None
    env: dict[str, Any] | None = None
    secrets: list[str] | None = None

    @field_validator("expect")
    @classmethod
    def _known(cls, expect: Any) -> Any:
        told = expect if isinstance(expect, dict) else {"status": expect}
        if not set(told) <= {"status", "type"} or told.get("type") not in (None, "json", "text"):
            raise ValueError(_FORMS)
        for one in statuses(told.get("status")):
            if not (isinstance(one, str) and "{{" in one) and not _is_status(one):
                raise ValueError(f"{one!r} is none of {_FORMS}")
        return expect


TASK_TYPE = TaskType(
    name="http",
    fields=HttpFields,
    outputs={"status": "integer", "body": "any", "headers": "object"},
    on_interrupt="ask",
    summary="Sends a request and checks the answer.",
)


class HttpExecutor(ConfiguredExecutor):
    """Sends the request and gives ``status body headers``; its socket is shut when the attempt is stopped."""

    task_type = TASK_TYPE

    def execute(self, work: Work) -> Mapping[str, Any]:
        """Send it, follow where it leads, and check the answer. Raises ``TaskFailed``."""
        # Here, not above: whoever only validates a document need not wait for what runs tasks.
        from yamlflow_nb.executors.http_answer import outputs_of
        from yamlflow_nb.executors.http_call import sent
        from yamlflow_nb.executors.http_request import request_of

        give_secrets(work, self.settings)
        request = request_of(work, self.artifacts, self.settings.hosts(work.folder))
        expect = work.fields.get("expect")
        told = expect if isinstance(expect, Mapping) else {"status": expect}
        with sent(request, work) as answer:
            outputs = outputs_of(answer, work, told.get("type"))
        wanted = statuses(told.get("status"))
        if not any(_fits(answer.status, one) for one in wanted):
            said = f", not {' or '.join(str(one) for one in wanted)}"
            text = f"{answer.status} {answer.reason} from {request.method} {request.shown}{said}{_excerpt(outputs['body'])}"
            raise TaskFailed("HttpStatus", text, outputs=outputs)
        return outputs


def statuses(given: Any) -> list[Any]:
    """The expected ones as a list; of none given, those of success."""
    return ["2xx"] if given is None else given if isinstance(given, list) else [given]


def _is_status(one: Any) -> bool:
    if isinstance(one, int) and not isinstance(one, bool):
        return 100 <= one <= 599
    return isinstance(one, str) and (_CLASS.fullmatch(one) is not None or (one.isdecimal() and 100 <= int(one) <= 599))


def _fits(status: int, one: Any) -> bool:
    return str(status) == str(one) or (isinstance(one, str) and _CLASS.fullmatch(one) is not None and str(status)[0] == one[0])


def _excerpt(body: Any) -> str:
    """The beginning of what a server says about its refusal."""
    if body is None or not isinstance(body, (str, dict, list)):
        return ""
    text = " ".join(str(body).split())
    return f": {text[:200]}{'…' if len(text) > 200 else ''}" if text else ""
