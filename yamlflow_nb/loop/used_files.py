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


def _read(folder: Path) -> dict[str, str]:
    try:
        return dict(json.loads((folder / _NAME).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}
