"""What kind of file system a folder lies on: over a network SQLite's locks do not hold
(https://www.sqlite.org/howtocorrupt.html, 2.1)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

NETWORK = frozenset("nfs nfs4 cifs smb3 smbfs sshfs fuse.sshfs afs lustre gpfs beegfs ceph glusterfs fuse.glusterfs 9p".split())
VARIABLE = "YAMLFLOW_NETWORK_FOLDERS"
"""Environment: folders that are on the network though the system does not say so (some FUSE mounts), as in ``PATH``."""


def network_kind(folder: Path, variables: Mapping[str, str] | None = None) -> str | None:
    """``nfs4`` and the like where a folder, or the nearest one above it that is there, lies on a network; else None."""
    told = (os.environ if variables is None else variables).get(VARIABLE, "")
    for named in filter(None, told.split(os.pathsep)):
        if folder.absolute().is_relative_to(Path(named).absolute()):
            return "a network file system"
    there = next((one for one in (folder, *folder.absolute().parents) if one.exists()), folder)
    kind = file_system_of(there)
    return kind if kind in NETWORK else None


def file_system_of(folder: Path, mounts: Path = Path("/proc/self/mounts")) -> str | None:
    """The kind of file system that a folder lies on, where the system says so."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    resolved, best, kind = str(folder.resolve()), "", None
    for line in lines:
        words = line.split()
        place = words[1].replace("\\040", " ") if len(words) > 2 else ""
        inside = resolved == place or resolved.startswith(place.rstrip("/") + "/")
        if place and inside and len(place) >= len(best):
            best, kind = place, words[2]
    return kind
