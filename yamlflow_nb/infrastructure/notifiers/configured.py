"""``[notifiers.NAME]`` → who sends. The first key says what it is: ``command``, ``webhook``, ``email``, or a plugin's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol

from pydantic import ValidationError

from yamlflow_nb.domain.mask import Mask
from yamlflow_nb.domain.names import Absent
from yamlflow_nb.domain.notice import Notice
from yamlflow_nb.domain.ports.notices import NotSent
from yamlflow_nb.domain.ports.settings import Settings
from yamlflow_nb.domain.secret_mark import SecretNames, revealed
from yamlflow_nb.infrastructure.configuration import ConfigurationError
from yamlflow_nb.infrastructure.notifiers.by_command import Command
from yamlflow_nb.infrastructure.notifiers.by_email import Email
from yamlflow_nb.infrastructure.notifiers.by_webhook import Webhook
from yamlflow_nb.infrastructure.notifiers.message import Message, message_of
from yamlflow_nb.language.evaluation import ExpressionError, render
from yamlflow_nb.language.problem import ExpressionSyntaxError
from yamlflow_nb.language.value_parser import parse_template

GROUP = "yamlflow_nb.notifiers"
"""The entry-point group of plugins: a class whose ``model_validate(table)`` gives something with ``send(message)``, ``api = 1``."""
API = 1
_OURS: dict[str, Any] = {"command": Command, "webhook": Webhook, "email": Email}


class Notifier(Protocol):
    """What a plugin is."""

    def send(self, message: Message) -> None:
        """Raises ``NotSent``, or anything else, where it cannot."""


class ConfiguredNotifiers:
    """``Notifiers`` by the configuration that is nearest to the pipeline."""

    def __init__(self, settings: Settings, render: Callable[[Mapping[str, Any]], str]) -> None:
        self._settings = settings
        self._render = render

    def send(self, notice: Notice) -> None:
        """Raises ``NotSent``, without a secret in its text."""
        mask = Mask()
        try:
            folder = Path(str(notice.told["folder"]))
            notifier = self.notifier(folder, notice.notifier, mask)
            notifier.send(self._message(notice))
        except NotSent as error:
            raise NotSent(mask.text(str(error)), error.again) from None
        except Exception as error:  # a plugin's: nothing that a notifier does may end the thread that sends
            raise NotSent(mask.text(f"{type(error).__name__}: {error}")) from None

    def notifier(self, folder: Path, name: str, mask: Mask) -> Notifier:
        """Raises ``NotSent`` for one that is not configured, or not as it should be."""
        try:
            table = self._settings.notifier(folder, name)
        except ConfigurationError as error:
            raise NotSent(str(error), again=False) from None
        if table is None:
            known = ", ".join(self._settings.notifiers(folder)) or "none"
            raise NotSent(f"there is no notifier `{name}`; configured: {known}", again=False)
        kind = next((one for one in table if one in _OURS), None) or str(table.get("type") or next(iter(table), ""))
        made = _OURS.get(kind) or _plugin(kind)
        try:
            found: Notifier = made.model_validate(_given(table, folder, self._settings, mask))
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False, include_context=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise NotSent(f"[notifiers.{name}] {place}: {first['msg'].removeprefix('Value error, ')}", again=False) from None
        return found

    def _message(self, notice: Notice) -> Message:
        try:
            return message_of(notice, self._render)
        except ValueError as error:  # the news is more than its words
            plain = Notice(notice.id, notice.execution_id, notice.notifier, notice.kind, notice.node, notice.at, dict(notice.told))
            told = {
                name: None if isinstance(value, Mapping) and "template" in value else value for name, value in plain.told.items()
            }
            subject = f"{told['pipeline']}: {notice.kind}"
            text = f"{subject}, execution {notice.execution_id}\n\n(its text cannot be rendered: {error})\n"
            return Message(subject, text, told)


def _plugin(kind: str) -> Any:
    for entry in entry_points(group=GROUP, name=kind):
        loaded = entry.load()
        if getattr(loaded, "api", None) != API:
            raise NotSent(f"the notifier `{kind}` is made for api {getattr(loaded, 'api', '?')}, this is {API}", again=False)
        return loaded
    installed = sorted({*_OURS, *(entry.name for entry in entry_points(group=GROUP))})
    raise NotSent(f"there is no kind of notifier `{kind}`; there are: {', '.join(installed)}", again=False)


def _given(value: Any, folder: Path, settings: Settings, mask: Mask) -> Any:
    """A table with the secrets that it names in their places."""
    if isinstance(value, Mapping):
        return {name: _given(item, folder, settings, mask) for name, item in value.items()}
    if isinstance(value, list):
        return [_given(item, folder, settings, mask) for item in value]
    if not isinstance(value, str) or "{{" not in value:
        return value

    def secret(name: str) -> str:
        found = settings.secret(folder, name)
        if found is None:
            raise NotSent(
                f"there is no secret `{name}`: set YAMLFLOW_SECRET_{name.upper()}, or say in [secrets] where it is", again=False
            )
        mask.add(found)
        return found

    try:
        template = parse_template(value)
        return value if template is None else revealed(str(render(template, _Secrets())), secret)
    except (ExpressionSyntaxError, ExpressionError) as error:
        raise NotSent(f"{value!r} has no value here: {error}", again=False) from None


class _Secrets:
    """The one name that a configuration knows."""

    def lookup(self, name: str) -> Any:
        return SecretNames() if name == "secrets" else Absent(name)

    lookup_now = lookup
