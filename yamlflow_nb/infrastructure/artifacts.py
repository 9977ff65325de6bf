"""Large objects in a folder, by content: the same object is one file, whoever keeps it."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Set
from pathlib import Path
from typing import Any

from yamlflow_nb.domain.typed_json import loads
from yamlflow_nb.infrastructure.crash_points import crash_point

_SCHEME = "artifact:"
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")


class LocalArtifacts:
    """``ArtifactStore`` in a local folder: ``<folder>/<ab>/<sha256>.<ending>``, written whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, value: Any) -> dict[str, Any]:
        """A reference to a data frame (kept as Parquet), a series or the file at a ``Path``. Raises ``FileNotFoundError`` and
        ``TypeError`` for what is none of these."""
        if isinstance(value, Path):
            if not value.is_file():
                raise FileNotFoundError(f"there is no file {value}")
            return self._reference(value, value.suffix.lstrip(".") or "bin")
        return self._table(value)

    def read(self, reference: dict[str, Any]) -> Any:
        """A data frame for a table's reference, the value for a large value's (``of``), else the file's path.
        Raises ``FileNotFoundError``."""
        path = self.find(f"{_SCHEME}{reference['sha256']}")
        if "schema" in reference:
            import pandas as pd

            return pd.read_parquet(path)
        return _value(path, str(reference["of"])) if "of" in reference else path

    def named(self, name: str) -> Any:
        """The object behind ``artifact:<sha256>``: a data frame or a file's path; behind ``artifact:<sha256>:<of>`` a value.
        Raises ``FileNotFoundError``."""
        path, of = self.find(name), name.removeprefix(_SCHEME).partition(":")[2]
        if path.suffix != ".parquet":
            return _value(path, of) if of else path
        import pandas as pd

        return pd.read_parquet(path)

    def find(self, name: str) -> Path:
        """The file behind ``artifact:<sha256>``. Raises ``FileNotFoundError``."""
        digest = self.digest(name)
        found = list((self.folder / digest[:2]).glob(f"{digest}.*"))
        if not found:
            raise FileNotFoundError(f"there is no artifact {name}")
        return found[0]

    @staticmethod
    def digest(name: str) -> str:
        """The hash in a name. Raises ``FileNotFoundError`` where there is none."""
        digest = name.removeprefix(_SCHEME).partition(":")[0]
        if not _DIGEST.match(digest):
            raise FileNotFoundError(f"there is no artifact {name}")
        return digest

    def bring(self, value: Any) -> Any:
        """A value whose references are files of this machine: here all of them are."""
        return value

    def sweep(self, wanted: Set[str], before: float, remove: bool = True) -> list[tuple[str, int]]:
        """The objects that are not ``wanted`` and were last kept before a time (seconds since the epoch), with their sizes in
        bytes; removed, unless only asked for."""
        found: list[tuple[str, int]] = []
        for path in self.folder.glob("??/*"):
            size = _size_before(path, before)
            if size is None or path.name.partition(".")[0] in wanted:
                continue
            # Out of the way first: an attempt that keeps the same content in this very moment touches it, and has it back.
            aside = path.with_name(f".{path.name}.swept")
            if remove:
                os.replace(path, aside)
                if _size_before(aside, before) is None:
                    os.replace(aside, path)
                    continue
                aside.unlink()
            found.append((path.name, size))
        return found

    def _table(self, value: Any) -> dict[str, Any]:
        import pandas as pd

        if isinstance(value, pd.Series):
            value = value.to_frame(name=value.name if value.name is not None else "value")
        if hasattr(value, "to_pandas"):
            value = value.to_pandas()
        if not isinstance(value, pd.DataFrame):
            raise TypeError(f"a {type(value).__name__} is neither a data frame nor a file")
        schema = {str(name): str(kind) for name, kind in value.dtypes.items()}
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.folder) as scratch:
            written = Path(scratch) / "table.parquet"
            value.to_parquet(written)
            return {**self._reference(written, "parquet"), "schema": schema, "rows": len(value)}

    def _reference(self, path: Path, ending: str) -> dict[str, Any]:
        digest = sha256(path)
        kept = self.folder / digest[:2] / f"{digest}.{ending}"
        if kept.exists():
            os.utime(kept)  # new again for whoever removes what is old and not referred to
        else:
            kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, scratch = tempfile.mkstemp(dir=kept.parent)
            # On the disk before anything refers to it: a committed result must not name an object that a power cut emptied.
            with open(handle, "wb") as target, path.open("rb") as source:
                shutil.copyfileobj(source, target, 1 << 20)
                target.flush()
                os.fsync(target.fileno())
            crash_point("before-artifact-rename")
            os.replace(scratch, kept)
            crash_point("after-artifact-rename")
        return {"path": str(kept), "format": ending, "size": kept.stat().st_size, "sha256": digest}


def _size_before(path: Path, before: float) -> int | None:
    """The size of a file that was last touched before a time; None for others, and for one that is gone."""
    try:
        told = path.stat()
    except OSError:
        return None
    return told.st_size if told.st_mtime < before else None


def _value(path: Path, of: str) -> Any:
    """A value that was too large to be kept with the others."""
    if of == "array":
        import numpy as np

        return np.load(path, allow_pickle=False)
    data = path.read_bytes()
    if of == "bytes":
        return data
    return data.decode() if of == "string" else loads(data.decode())


def sha256(path: Path) -> str:
    """A file's SHA-256, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
