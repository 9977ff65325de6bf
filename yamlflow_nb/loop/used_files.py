"""Which files an attempt was read from, by content; a change since the attempt before it is told."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

_NAME = "files.json"


class UsedFiles:
    """The notebook, query or program of one attempt, path → SHA-256, kept as ``files.json`` in the attempt's folder."""

    def __init__(self, folder: Callable[[], Path]) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self.hashes: dict[str, str] = {}

    def add(self, path: Path, data: bytes, earlier: Callable[[], list[Path]]) -> str | None:
        """The attempt works by this content of that file; says so where one of the attempts before worked by another."""
        digest = hashlib.sha256(data).hexdigest()
        with self._lock:
            self.hashes[str(path)] = digest
            folder = self._folder()
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            scratch = folder / f".{_NAME}"
            scratch.write_text(json.dumps(self.hashes, indent=1, sort_keys=True) + "\n", encoding="utf-8")
            os.replace(scratch, folder / _NAME)
        for other in earlier():
            before = _read(other).get(str(path))
            if before is not None:
                if before == digest:
                    return None
                return f"{path.name} was changed since attempt {other.name} ({before[:12]} → {digest[:12]})"
        return None


def changed_files(node_folder: Path) -> list[str]:
    """Of the files by which the last attempts of a node worked (``node_folder`` holds their folders): those that hold something
    else now, or are gone."""
    return [path for path, digest in files_used(node_folder).items() if _digest_now(Path(path)) != digest]


def files_used(node_folder: Path) -> dict[str, str]:
    """The files by which the attempts of a node worked, path → SHA-256; of several attempts the last."""
    folders = sorted(node_folder.iterdir(), key=lambda one: one.stat().st_mtime) if node_folder.is_dir() else []
    used: dict[str, str] = {}
    for folder in folders:
        used.update(_read(folder))
    return used


def _digest_now(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _read(folder: Path) -> dict[str, str]:
    try:
        return dict(json.loads((folder / _NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}
