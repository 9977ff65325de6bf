"""An e-mail, handed to a server by SMTP."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Literal

from pydantic import ConfigDict, Field

from yamlflow_nb.domain.model import Model
from yamlflow_nb.domain.ports.notices import NotSent
from yamlflow_nb.infrastructure.notifiers.message import Message


class Email(Model):
    """``email`` are the receivers. ``security``: ``starttls`` (default), ``tls`` from the first byte, or ``none``, for a server on
    this machine."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    email: list[str] = Field(min_length=1)
    sender: str = Field(alias="from")
    host: str
    port: int = Field(default=587, ge=1, le=65535)
    user: str | None = None
    password: str | None = None
    security: Literal["starttls", "tls", "none"] = "starttls"
    timeout: float = Field(default=20.0, gt=0)

    def send(self, message: Message) -> None:
        """Raises ``NotSent``; what the server refuses for good (a code from 500 on) is not tried again."""
        try:
            with self._connected() as server:
                if self.user is not None:
                    server.login(self.user, self.password or "")
                refused = server.send_message(self._mail(message), self.sender, self.email)
        except smtplib.SMTPResponseException as error:
            told = error.smtp_error.decode(errors="replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
            raise NotSent(f"{self.host} answered {error.smtp_code}: {told}", again=error.smtp_code < 500) from None
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            raise NotSent(f"{self.host} takes no mail for {', '.join(error.recipients)}", again=min(codes) < 500) from None
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise NotSent(f"{self.host}:{self.port} takes no mail: {error}") from None
        if refused:
            raise NotSent(f"{self.host} takes no mail for {', '.join(refused)}", again=False)

    def _connected(self) -> smtplib.SMTP:
        context = ssl.create_default_context()
        if self.security == "tls":
            return smtplib.SMTP_SSL(self.host, self.port, timeout=self.timeout, context=context)
        server = smtplib.SMTP(self.host, self.port, timeout=self.timeout)
        if self.security == "starttls":
            server.starttls(context=context)
        return server

    def _mail(self, message: Message) -> EmailMessage:
        mail = EmailMessage()
        mail["Subject"] = message.subject[:200]
        mail["From"] = self.sender
        mail["To"] = ", ".join(self.email)
        mail["Date"] = formatdate(localtime=True)
        mail["Message-ID"] = make_msgid(domain="yamlflow.localdomain")
        mail.set_content(message.text)
        return mail
