"""A request → the answer, through a socket that a stop of the attempt shuts. Where it may go is looked at after the name was
resolved, and it goes to the very address that was looked at."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urljoin

from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.executors.http_request import Request, checked_address

CONNECT_SECONDS = 30.0
SILENCE_SECONDS = 600.0
"""An answer of which nothing comes for so long fails."""
MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_Address = tuple[Any, ...]


@contextmanager
def sent(request: Request, work: Work) -> Iterator[Any]:
    """The answer (``urllib3``'s), its body not read yet. Raises ``TaskFailed``."""
    from urllib3.exceptions import HTTPError

    sockets = _Sockets()
    take_back = work.on_stop(sockets.shut)
    try:
        with sockets:
            yield _followed(request, work, sockets)
    except (HTTPError, OSError, ValueError) as error:
        if work.stopped():
            raise TaskFailed("Stopped", "the request was stopped") from None
        raise TaskFailed(*_told(error, request)) from None
    finally:
        take_back()


class _Sockets:
    """What is open: a second handle of each, by which it can be shut while another thread waits in it."""

    def __init__(self) -> None:
        self._open: list[socket.socket] = []
        self._stack = ExitStack()
        self._is_shut = False

    def add(self, opened: socket.socket) -> None:
        self._open.append(self._stack.enter_context(opened.dup()))
        if self._is_shut:
            self.shut()

    def shut(self) -> None:
        self._is_shut = True
        for one in self._open:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it is closed already

    def __enter__(self) -> _Sockets:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def _followed(request: Request, work: Work, sockets: _Sockets) -> Any:
    for _ in range(MOST_REDIRECTS + 1):
        if work.stopped():
            raise TaskFailed("Stopped", "the request was stopped")
        answer = _asked(request, sockets)
        target = answer.headers.get("location")
        if answer.status not in _REDIRECTS or target is None:
            return answer
        answer.drain_conn()
        work.log(f"{answer.status}: redirected")
        request = _redirected(request, answer.status, target)
    raise TaskFailed("RedirectRefused", f"{request.shown} leads on and on: more than {MOST_REDIRECTS} redirects")


def _asked(request: Request, sockets: _Sockets) -> Any:
    from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
    from urllib3.util import Timeout, parse_url

    parts = parse_url(request.url)
    patience = Timeout(connect=CONNECT_SECONDS, read=SILENCE_SECONDS)
    pool: HTTPConnectionPool
    if parts.scheme == "https":
        pool = HTTPSConnectionPool(str(parts.host), parts.port, timeout=patience, ssl_context=_certificates())
    else:
        pool = HTTPConnectionPool(str(parts.host), parts.port, timeout=patience)
    pool.ConnectionCls = _guarded(pool.ConnectionCls, request, sockets)
    body: Any = request.body
    with ExitStack() as stack:
        if body is not None and not isinstance(body, bytes):
            body = stack.enter_context(body.open("rb"))
        headers = dict(request.headers)
        if hasattr(body, "fileno"):
            headers["content-length"] = str(request.body.stat().st_size)  # type: ignore[union-attr]
        return pool.urlopen(
            request.method, parts.request_uri, body=body, headers=headers, retries=False, redirect=False,
            preload_content=False, assert_same_host=False,
        )  # fmt: skip


def _certificates() -> ssl.SSLContext:
    """Those of the machine, and those that a Python without any brings."""
    context = ssl.create_default_context()
    try:
        import certifi

        context.load_verify_locations(certifi.where())
    except (ImportError, OSError):
        pass
    return context


def _redirected(request: Request, status: int, target: str) -> Request:
    """The request to where an answer points. Raises ``TaskFailed`` where it must not go."""
    from urllib3.util import parse_url

    url = urljoin(request.url, target)
    shown = checked_address(url)
    before, after = parse_url(request.url), parse_url(url)
    if before.scheme != after.scheme:
        hint = f": write {after.scheme}:// if that is meant" if after.scheme == "https" else ""
        raise TaskFailed("RedirectRefused", f"{request.shown} leads from {before.scheme} to {after.scheme}{hint}")
    kept = status in (307, 308)
    other = (before.host, before.port) != (after.host, after.port)
    if kept and other and request.body is not None:
        raise TaskFailed("RedirectRefused", f"{request.shown} leads to another host, {after.host}, which is not sent the body")
    headers = {name: text for name, text in request.headers.items() if not (other and name in request.private)}
    method = request.method if kept or request.method == "HEAD" else "GET"
    body = request.body if kept else None
    if not kept:
        headers.pop("content-type", None)
    return replace(request, method=method, url=url, shown=shown, headers=headers, body=body, trusted=request.trusted and not other)


# --- where it goes ---------------------------------------------------------------------------------------------------


def _guarded(connection: Any, request: Request, sockets: _Sockets) -> Any:
    class Guarded(connection):  # type: ignore[misc]
        """Connects to an address that may be spoken to; a name that means another one a moment later makes no difference."""

        def _new_conn(self) -> socket.socket:
            opened = _connected(self._dns_host, self.port, request)
            sockets.add(opened)
            return opened

    return Guarded


def _connected(host: str, port: int, request: Request) -> socket.socket:
    addresses = _resolved(host, port)
    for address in addresses:
        _check(host, str(address[4][0]), request)
    error: OSError | None = None
    for family, kind, protocol, _, address in addresses:
        opened = socket.socket(family, kind, protocol)
        try:
            opened.settimeout(CONNECT_SECONDS)
            opened.connect(address)
            opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as failed:
            opened.close()
            error = failed
        else:
            return opened
    why = error.strerror or str(error) if error is not None else "it has no address"
    raise TaskFailed("ConnectionError", f"{request.shown} cannot be reached: {why}")


def _resolved(host: str, port: int) -> list[_Address]:
    try:
        return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except (OSError, UnicodeError) as error:
        raise TaskFailed("ConnectionError", f"there is no host `{host}`: {getattr(error, 'strerror', None) or error}") from None


def _check(host: str, text: str, request: Request) -> None:
    """Raises ``TaskFailed`` for an address inside of a network which the definition does not name. What a cloud tells its
    machines (link-local addresses) only the configuration opens."""
    if host in request.hosts:
        return
    address = ipaddress.ip_address(text.partition("%")[0])
    address = getattr(address, "ipv4_mapped", None) or address
    if address.is_global and not address.is_multicast:
        return
    if request.trusted and not address.is_link_local:
        return
    where = host if host == text else f"{host} ({text})"
    why = "its host does not stand in the definition" if not address.is_link_local else "it is link-local"
    told = f"{where} is an address inside of a network, and {why}: `[http] hosts` of yamlflow.toml allows it"
    raise TaskFailed("AddressRefused", told)


def _told(error: Exception, request: Request) -> tuple[str, str]:
    """What went wrong with a connection, for people."""
    from urllib3.exceptions import ReadTimeoutError, SSLError

    if isinstance(error, ReadTimeoutError):
        return "TimeoutError", f"{request.shown} said nothing for {SILENCE_SECONDS:g} s"
    if isinstance(error, (SSLError, ssl.SSLError)):
        return "SSLError", f"{request.shown} cannot be trusted, or does not speak TLS: {error}"
    return "ConnectionError", f"{request.shown} broke off: {error}"
