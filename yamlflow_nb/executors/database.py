"""``connection`` of a sql task → a database, and its errors without what must not be shown."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from yamlflow_nb.domain.ports.settings import Settings
from yamlflow_nb.domain.work import TaskFailed, Work
from yamlflow_nb.executors.given_secrets import put_in

_DRIVERS = {"postgresql": ("postgresql+psycopg", "postgres"), "postgres": ("postgresql+psycopg", "postgres")}
"""What a URL without a driver means, and the extra that brings it."""
_PASSWORD = re.compile(r"(?P<before>[A-Za-z][A-Za-z0-9+.-]*://[^\s:/@]*:)[^\s/]*(?=@)")
_CONFIGURED = re.compile(r"\{\{\s*secrets\.([A-Za-z][A-Za-z0-9_]*)\s*\}\}")


def without_password(text: str) -> str:
    """A text in which URLs show no password.

    >>> without_password("cannot reach postgresql://me:s3@db/x")
    'cannot reach postgresql://me:•••@db/x'
    """
    return _PASSWORD.sub(lambda found: f"{found['before']}•••", text)


def opened_database(connection: Any, work: Work, settings: Settings) -> Any:
    """The SQLAlchemy engine of a configured name, a URL, or ``{url, user, password}``. Raises ``TaskFailed``."""
    import sqlalchemy
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError

    given = _given(connection, work, settings)
    try:
        url = sqlalchemy.make_url(given["url"])
    except (ArgumentError, KeyError):
        told = "`connection` is neither a URL, such as sqlite:///file.db, nor {url, user, password}"
        raise TaskFailed("ConnectionError", told) from None
    url = url.set(username=given.get("user", url.username), password=given.get("password", url.password))
    if url.password:
        work.hide(str(url.password))
    driver, extra = _DRIVERS.get(url.drivername, (url.drivername, ""))
    url = _beside_pipeline(url.set(drivername=driver), work)
    try:
        return sqlalchemy.create_engine(url, hide_parameters=True)
    except NoSuchModuleError:
        raise TaskFailed("ConnectionError", f"SQLAlchemy knows no database `{url.drivername}`") from None
    except ModuleNotFoundError as error:
        brings = f'pip install "yamlflow_nb[{extra}]"' if extra else f"pip install {error.name}"
        raise TaskFailed("ModuleNotFoundError", f"`{url.drivername}` needs the package {error.name}: {brings}") from None


def _beside_pipeline(url: Any, work: Work) -> Any:
    """A file of SQLite lies beside the pipeline, unless its path is absolute: whoever writes a connection may name any file."""
    database = url.database
    if url.get_backend_name() != "sqlite" or not database or database == ":memory:" or database.startswith("file:"):
        return url
    return url.set(database=str(work.folder / database))


def _given(connection: Any, work: Work, settings: Settings) -> dict[str, Any]:
    """``{url, user, password}`` with secrets in their places."""
    if isinstance(connection, Mapping):
        return {str(key): put_in(str(value), work, url=key == "url") for key, value in connection.items() if value is not None}
    text = str(connection)
    if ":" in text:
        return {"url": put_in(text, work, url=True)}
    try:
        found = settings.connection(work.folder, text)
        known = settings.connections(work.folder)
    except ValueError as error:
        raise TaskFailed("ConfigurationError", str(error)) from None
    if found is None:
        names = ", ".join(f"`{name}`" for name in known) or "none; yamlflow.toml names them under [connections.<name>]"
        raise TaskFailed("ConnectionError", f"there is no connection `{text}`; configured: {names}")
    # In a configuration a secret is named as in a definition; what stands there was not given to the run.
    return {key: _configured(str(value), work, key == "url") for key, value in found.items()}


def _configured(text: str, work: Work, url: bool) -> str:
    return _CONFIGURED.sub(lambda mark: quote(work.secret(mark[1]), safe="") if url else work.secret(mark[1]), text)


def is_lost(error: Exception) -> bool:
    """Whether the connection was gone before the answer came."""
    from sqlalchemy.exc import DBAPIError

    return isinstance(error, DBAPIError) and error.connection_invalidated


def told(error: Exception) -> str:
    """What a database says, without SQLAlchemy's frame around it (statement, parameters, link) and without a password."""
    return without_password(str(getattr(error, "orig", None) or error).strip())
