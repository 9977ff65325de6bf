"""``yamlflow.toml``, or ``[tool.yamlflow]`` of a ``pyproject.toml``: what is configured for the pipelines beside and below it.

```toml
[connections.warehouse]
url = "postgresql://db.example.org/flights"
user = "reader"
password = "{{ secrets.warehouse }}"

[artifacts]
url = "s3://team/yamlflow"                   # large objects also lie there; further fields are fsspec's

[pools]
gpu = 1                                      # slots; or {slots = 2, memory = "24GiB"}

[python]
modules = ["mycompany.tasks"]                # functions come from these and from beside the pipeline, if this is given

[notifiers.team]                             # `notifications: [{on: [failed], to: team}]` of a pipeline
webhook = "https://chat.example.org/hooks/{{ secrets.chat }}"
[http]
hosts = ["intranet.example.org"]             # hosts inside of a network that a value or a redirect may lead to

[secrets]
warehouse = {env = "WAREHOUSE_PASSWORD"}     # or {file = "~/.secrets/warehouse"}; else YAMLFLOW_SECRET_WAREHOUSE
```
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from yamlflow_nb.domain.pool import PoolSize, amount

FILE_NAME = "yamlflow.toml"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


class ConfigurationError(ValueError):
    """A configuration that cannot be read; says which file, and why."""


class ConfiguredSettings:
    """``Settings`` from files, read anew when they change."""

    def connection(self, folder: Path, name: str) -> Mapping[str, Any] | None:
        """``{url, user, password}`` of a connection; a text stands for its URL. Raises ``ConfigurationError``."""
        found = _table(configuration(folder), "connections").get(name)
        if found is None or isinstance(found, Mapping):
            return found
        if not isinstance(found, str):
            raise ConfigurationError(f"connection `{name}` is neither a URL nor a table with url, user, password")
        return {"url": found}

    def connections(self, folder: Path) -> Sequence[str]:
        return sorted(_table(configuration(folder), "connections"))

    def secret(self, folder: Path, name: str) -> str | None:
        """From where ``[secrets]`` says, else from ``YAMLFLOW_SECRET_<NAME>``. Raises ``ConfigurationError``."""
        if not _NAME.fullmatch(name):
            return None
        told = _table(configuration(folder), "secrets").get(name)
        if told is None:
            return os.environ.get(f"YAMLFLOW_SECRET_{name.upper()}")
        if isinstance(told, Mapping) and isinstance(told.get("env"), str):
            return os.environ.get(told["env"])
        if isinstance(told, Mapping) and isinstance(told.get("file"), str):
            return _first_line(Path(told["file"]).expanduser(), name)
        raise ConfigurationError(f"secret `{name}` stands in no configuration: say where it is, {{env = …}} or {{file = …}}")

    def notifier(self, folder: Path, name: str) -> Mapping[str, Any] | None:
        """``[notifiers.NAME]``. Raises ``ConfigurationError``."""
        found = _table(configuration(folder), "notifiers").get(name)
        if found is not None and not isinstance(found, Mapping):
            raise ConfigurationError(f"notifier `{name}` is no table: [notifiers.{name}] with command, webhook or email")
        return found

    def notifiers(self, folder: Path) -> Sequence[str]:
        return sorted(_table(configuration(folder), "notifiers"))

    def pools(self, folder: Path) -> Mapping[str, PoolSize]:
        """``[pools]``. Raises ``ConfigurationError``."""
        return {name: _pool(name, told) for name, told in _table(configuration(folder), "pools").items()}

    def modules(self, folder: Path) -> Sequence[str] | None:
        """``[python] modules``. Raises ``ConfigurationError``."""
        listed = _table(configuration(folder), "python").get("modules")
        if listed is not None and not (isinstance(listed, list) and all(isinstance(name, str) for name in listed)):
            raise ConfigurationError("`modules` of [python] is no list of names")
        return listed

    def hosts(self, folder: Path) -> Sequence[str]:
        """``[http] hosts``. Raises ``ConfigurationError``."""
        listed = _table(configuration(folder), "http").get("hosts", [])
        if not (isinstance(listed, list) and all(isinstance(name, str) for name in listed)):
            raise ConfigurationError("`hosts` of [http] is no list of names")
        return listed


def configuration(folder: Path) -> Mapping[str, Any]:
    """What the nearest configuration at or above a folder says; nothing where there is none. Raises ``ConfigurationError``."""
    for place in (folder.absolute(), *folder.absolute().parents):
        own = place / FILE_NAME
        if own.is_file():
            return _read(own, own.stat().st_mtime_ns)
        shared = place / "pyproject.toml"
        if shared.is_file():
            found = _table(_table(_read(shared, shared.stat().st_mtime_ns), "tool"), "yamlflow")
            if found:
                return found
    return {}


@lru_cache(maxsize=32)
def _read(path: Path, changed: int) -> Mapping[str, Any]:
    try:
        parsed: Mapping[str, Any] = _toml().loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from None
    return parsed


def _toml() -> Any:
    """Python has read TOML since 3.11; before, whoever installed a package has it from pip."""
    for name in ("tomllib", "tomli", "pip._vendor.tomli"):
        try:
            return import_module(name)
        except ModuleNotFoundError:
            continue
    raise ConfigurationError("a configuration needs Python 3.11, or: pip install tomli")


def _table(parent: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = parent.get(name, {})
    if not isinstance(found, Mapping):
        raise ConfigurationError(f"`{name}` is no table in the configuration")
    return found


def _pool(name: str, told: Any) -> PoolSize:
    size = told if isinstance(told, Mapping) else {"slots": told}
    try:
        memory = None if size.get("memory") is None else amount(size["memory"])
        return PoolSize(float(size.get("slots", "inf")), memory)
    except (TypeError, ValueError) as error:
        told = 'write slots, or {slots = 2, memory = "24GiB"}'
        raise ConfigurationError(f"the pool `{name}` of [pools] has no size: {error}; {told}") from None


def _first_line(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8").split("\n", 1)[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"secret `{name}` cannot be read from {path}: {error}") from None
