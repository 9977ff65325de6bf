"""Which packages an execution ran with: name → version, once an execution, beside what its attempts leave."""

from __future__ import annotations

import json
import os
import platform
import sys
import threading
from pathlib import Path

_NAME = "packages.json"
_noted: set[tuple[Path, str]] = set()
_lock = threading.Lock()


def note_packages(runs_folder: Path, execution_id: str) -> None:
    """Write down what is installed here; the first time in this process for an execution. A disk that is full is no reason for
    an attempt to fail. Asked after each attempt: the later ones find out without a lock and without a path being made."""
    if (runs_folder, execution_id) in _noted:
        return
    with _lock:
        if (runs_folder, execution_id) in _noted:
            return
        _noted.add((runs_folder, execution_id))
    run_folder = runs_folder / execution_id
    path = run_folder / _NAME
    try:
        if not path.exists():
            run_folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            scratch = path.with_name(f".{_NAME}.{os.getpid()}")
            scratch.write_text(json.dumps(installed_packages(), sort_keys=True), encoding="utf-8")
            os.replace(scratch, path)
    except OSError:
        return


def packages_of(run_folder: Path) -> dict[str, str]:
    """What was written down for an execution; empty where nothing was."""
    try:
        return dict(json.loads((run_folder / _NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def installed_packages() -> dict[str, str]:
    """The distributions on the path of this process, and Python itself. Told by the names of their folders: reading hundreds of
    metadata files would take longer than most tasks."""
    found: dict[str, str] = {}
    for folder in map(Path, dict.fromkeys(sys.path)):
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        for name in names:
            if name.endswith(".dist-info"):
                package, _, version = name.removesuffix(".dist-info").partition("-")
                found.setdefault(package.lower().replace("_", "-"), version)
    return {**found, "python": platform.python_version()}
