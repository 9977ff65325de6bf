"""Where the store lies: named, by the environment, else in the user's own state folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path


def locate_store(named: str | None = None, environment: Mapping[str, str] | None = None) -> Path:
    """The path of the store's file: ``named``, else ``YAMLFLOW_STORE``, else the user's state folder. Both may be a path or
    ``sqlite:///path``. Its folder is not made here. Raises ``ValueError`` for another kind of URL."""
    variables = os.environ if environment is None else environment
    given = named or variables.get("YAMLFLOW_STORE")
    if not given:
        return _state_folder(variables) / "yamlflow" / "store.db"
    scheme, separator, rest = given.partition("://")
    if separator and scheme != "sqlite":
        raise ValueError(f"a store is one SQLite file for now: a path or sqlite:///path, not {scheme}://…")
    return Path(rest[1:] if separator else given).expanduser().absolute()


def _state_folder(variables: Mapping[str, str]) -> Path:
    if variables.get("XDG_STATE_HOME"):
        return Path(variables["XDG_STATE_HOME"])
    if sys.platform == "win32":
        return Path(variables.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    return Path.home() / ".local" / "state"
