"""An ``http`` task's fields → what is sent: address, headers, bytes, and whom the definition trusts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from yamlflow_nb.domain.ports.artifact_store import ArtifactStore
from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.executors.command_line import as_text
from yamlflow_nb.executors.declared import is_reference
from yamlflow_nb.executors.given_secrets import environment_of

SCHEMES = ("http", "https")
_PLACE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_AUTHORITY = re.compile(r"https?://[^/?#{}\\]+[/?#]")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CARRIES_LOGIN = frozenset({"authorization", "cookie", "proxy-authorization"})


@dataclass(frozen=True)
class Request:
    """One request. ``shown`` is the address as errors may tell it. ``trusted``: the definition itself names the host; ``hosts``
    are those that the configuration allows. ``private`` headers stay with the host that they were written for."""

    method: str
    url: str
    shown: str
    headers: Mapping[str, str]
    body: bytes | Path | None
    trusted: bool
    hosts: Sequence[str] = ()
    private: frozenset[str] = field(default=frozenset())


def request_of(work: Work, artifacts: ArtifactStore, hosts: Sequence[str]) -> Request:
    """What the task sends. Raises ``TaskFailed``."""
    known = {**{str(name): work.secret(str(name)) for name in work.fields.get("secrets") or ()}, **environment_of(work)}
    url, written = str(work.fields["url"]).strip(), work.written.get("url")
    written = written if isinstance(written, str) else url
    trusted = "{{" not in written or _AUTHORITY.match(written.partition("{{")[0]) is not None
    shown = checked_address(url)
    url = _filled(url, written, known, "the url")
    headers, private = _headers(work, known)
    body = _body(_put_in(work.fields.get("body"), work.written.get("body"), known), headers, artifacts)
    return Request(str(work.fields.get("method") or "GET"), url, shown, headers, body, trusted, hosts, private)


def checked_address(url: str) -> str:
    """The address without its query. Raises ``TaskFailed`` for one that is no address of the web, or holds a password."""
    from urllib3.exceptions import LocationParseError
    from urllib3.util import parse_url

    try:
        parts = parse_url(url)
    except LocationParseError:
        raise TaskFailed("UrlError", f"{url[:200]!r} is no address") from None
    if parts.scheme not in SCHEMES or not parts.host:
        raise TaskFailed("UrlError", f"{url[:200]!r} is no address that begins with http:// or https://")
    if parts.auth:
        hint = 'give it as a header: `env: {LOGIN: "{{ secrets.login }}"}` and `headers: {Authorization: "Basic ${LOGIN}"}`'
        raise TaskFailed("UrlError", f"the address of {parts.host} holds a login, which would be stored and shown: {hint}")
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.host}{port}{parts.path or '/'}"


def _filled(text: str, written: Any, known: Mapping[str, str], where: str | None) -> str:
    """A text with its ``${NAME}`` put in. Only where the definition wrote them: a value of the run may hold the same letters, and
    must not be given a secret. Raises ``TaskFailed`` for an unknown name, unless ``where`` is None."""
    if not isinstance(written, str) or "{{" in written:
        return text

    def value(found: re.Match[str]) -> str:
        if found[1] in known:
            return known[found[1]]
        if where is None:
            return found[0]
        names = ", ".join(sorted(known)) or "nothing yet"
        told = f"{where} reads {found[0]}, which `env` and `secrets` do not give: they give {names}"
        raise TaskFailed("UnknownVariable", told)

    return _PLACE.sub(value, text)


def _put_in(value: Any, written: Any, known: Mapping[str, str]) -> Any:
    """The same for every text of a body."""
    if isinstance(value, str):
        return _filled(value, written, known, None)
    if isinstance(value, Mapping) and isinstance(written, Mapping):
        return {name: _put_in(item, written.get(name), known) for name, item in value.items()}
    if isinstance(value, list) and isinstance(written, list) and len(value) == len(written):
        return [_put_in(item, text, known) for item, text in zip(value, written)]
    return value


def _headers(work: Work, known: Mapping[str, str]) -> tuple[dict[str, str], frozenset[str]]:
    given, written = work.fields.get("headers") or {}, work.written.get("headers") or {}
    headers, private = {"user-agent": "yamlflow_nb", "accept": "*/*", "accept-encoding": "gzip"}, set(_CARRIES_LOGIN)
    for name, value in given.items():
        if not _NAME.fullmatch(str(name)):
            raise TaskFailed("HeaderError", f"{name!r} is no name of a header")
        if value is None:
            continue
        plain = as_text(value)
        text = _filled(plain, written.get(name) if isinstance(written, Mapping) else None, known, f"the header `{name}`")
        if re.search(r"[\r\n\0]", text):
            raise TaskFailed("HeaderError", f"the header `{name}` holds a line break")
        headers[str(name).lower()] = text
        if text != plain:
            private.add(str(name).lower())
    return headers, frozenset(private)


def _body(body: Any, headers: dict[str, str], artifacts: ArtifactStore) -> bytes | Path | None:
    if body is None:
        return None
    if is_reference(body):
        # A file, or a table as Parquet, goes out as it lies.
        if "of" not in body:
            headers.setdefault("content-type", "application/octet-stream")
            return artifacts.find(f"artifact:{body['sha256']}")
        body = artifacts.read(dict(body))
    if isinstance(body, bytes):
        headers.setdefault("content-type", "application/octet-stream")
        return body
    if isinstance(body, str):
        headers.setdefault("content-type", "text/plain; charset=utf-8")
        return body.encode()
    headers.setdefault("content-type", "application/json")
    try:
        return json.dumps(body, ensure_ascii=False, allow_nan=False, default=_plain()).encode()
    except (TypeError, ValueError) as error:
        raise TaskFailed("BodyError", f"the body cannot be JSON: {error}") from None


def _plain() -> Callable[[Any], Any]:
    def told(value: Any) -> Any:
        if isinstance(value, bytes):
            raise TypeError("it holds bytes")
        return as_text(value)

    return told
