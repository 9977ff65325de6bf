"""Where the store lies: named, by the environment, else in the user's own state folder; on a local disk where that is on a
network."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from yamlflow_nb.infrastructure.store.file_system import network_kind


class Place(NamedTuple):
    """The store's file, and the folder for what lies beside it (artifacts, logs). ``network``: what kind of network the user's
    state folder is on; then the file is on a local disk, and copies of it go to ``folder``."""

    path: Path
    folder: Path
    network: str | None = None


def place_of(named: str | None = None, environment: Mapping[str, str] | None = None) -> Place:
    """``named``, else ``YAMLFLOW_STORE``, else the user's state folder. Both may be a path or ``sqlite:///path``. Its folder is
    not made here. Raises ``ValueError`` for another kind of URL, and where no local folder is the user's own."""
    variables = os.environ if environment is None else environment
    given = named or variables.get("YAMLFLOW_STORE")
    if given:
        scheme, separator, rest = given.partition("://")
        if separator and scheme != "sqlite":
            raise ValueError(f"a store is one SQLite file for now: a path or sqlite:///path, not {scheme}://…")
        path = Path(rest[1:] if separator else given).expanduser().absolute()
        return Place(path, path.parent)
    folder = _state_folder(variables) / "yamlflow"
    network = network_kind(folder, variables)
    if network is None:
        return Place(folder / "store.db", folder)
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()[:8]
    return Place(_local_folder(variables) / "yamlflow" / digest / "store.db", folder, network)


def _state_folder(variables: Mapping[str, str]) -> Path:
    if variables.get("XDG_STATE_HOME"):
        return Path(variables["XDG_STATE_HOME"])
    if sys.platform == "win32":
        return Path(variables.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    return Path.home() / ".local" / "state"


def _local_folder(variables: Mapping[str, str]) -> Path:
    """The user's runtime folder, else one of their own below the system's temporary folder, which all may write."""
    runtime = variables.get("XDG_RUNTIME_DIR")
    if runtime and os.access(runtime, os.W_OK) and network_kind(Path(runtime), variables) is None:
        return Path(runtime)
    user = os.getuid() if hasattr(os, "getuid") else 0
    own = Path(variables.get("TMPDIR") or tempfile.gettempdir()) / f"yamlflow-{user}"
    own.mkdir(mode=0o700, exist_ok=True)
    found = own.lstat()
    if not stat.S_ISDIR(found.st_mode) or (hasattr(os, "getuid") and found.st_uid != user) or found.st_mode & 0o077:
        raise ValueError(f"{own} is not a folder that is yours alone: name a store on a local disk, --store PATH")
    return own
