"""A web address that gets the message as JSON."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from pydantic import Field, field_validator

from yamlflow_nb.domain.model import Model
from yamlflow_nb.domain.ports.notices import NotSent
from yamlflow_nb.infrastructure.notifiers.message import Message


class Webhook(Model):
    """POSTs ``{subject, text, notice: {...}}``; ``field`` names the only field where a chat wants one (``text`` or ``content``)."""

    webhook: str
    headers: dict[str, str] = Field(default_factory=dict)
    field: str | None = None
    timeout: float = Field(default=10.0, gt=0)

    @field_validator("webhook")
    @classmethod
    def _http(cls, value: str) -> str:
        if not value.startswith(("https://", "http://")) and "{{" not in value:
            raise ValueError("a webhook begins with https:// or http://")
        return value

    def send(self, message: Message) -> None:
        """Raises ``NotSent``; what the other side refuses (400 to 499, but for 408 and 429) is not tried again."""
        if not self.webhook.startswith(("https://", "http://")):
            raise NotSent("the webhook is no address: it begins with https:// or http://", again=False)
        content: dict[str, Any] = {"subject": message.subject, "text": message.text, "notice": dict(message.told)}
        if self.field is not None:
            content = {self.field: message.text}
        data = json.dumps(content, default=str).encode()
        headers = {"Content-Type": "application/json", "User-Agent": "yamlflow_nb", **self.headers}
        request = urllib.request.Request(self.webhook, data, headers, method="POST")  # noqa: S310 - http alone, see above
        try:
            with urllib.request.urlopen(request, timeout=self.timeout):  # noqa: S310
                return
        except urllib.error.HTTPError as error:
            with error:
                raise NotSent(
                    f"the webhook answered {error.code} {error.reason}", error.code >= 500 or error.code in (408, 429)
                ) from None
        except (OSError, ValueError) as error:
            raise NotSent(f"the webhook cannot be reached: {getattr(error, 'reason', None) or error}") from None
