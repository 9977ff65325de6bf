"""What a command leaves under the declared names of its node: lines ``name=value``, and files that bear an output's name."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from yamlflow_nb.domain.task_definition import OutputDeclaration
from yamlflow_nb.domain.work import TaskFailed, Work

_LINES = ".outputs"
_GRAIN = 2.0
"""Seconds by which a file system's times may be coarse."""
_FILES = frozenset({"file", "dataframe"})


def _datetime(text: str) -> dt.datetime:
    # Python 3.10 reads no Z.
    return dt.datetime.fromisoformat(f"{text[:-1]}+00:00" if text.endswith("Z") else text)


_READERS: dict[str, Callable[[str], Any]] = {"string": str, "date": dt.date.fromisoformat, "datetime": _datetime}


class WrittenOutputs:
    """``environment`` tells the command where to write: ``YAMLFLOW_OUTPUT`` is a file for lines ``name=value``,
    ``YAMLFLOW_OUTPUT_FOLDER`` a folder for files that are called as an output (``report.pdf`` for ``report``)."""

    def __init__(self, work: Work, folder: Path) -> None:
        self._work = work
        self._folder = folder
        self._lines = work.run_folder / _LINES
        self._lines.write_bytes(b"")
        self._own = work.run_folder / "out"
        self._own.mkdir(exist_ok=True)
        self._began = time.time()
        self.environment = {"YAMLFLOW_OUTPUT": str(self._lines), "YAMLFLOW_OUTPUT_FOLDER": str(self._own)}

    def found(self) -> dict[str, Any]:
        """The declared outputs that are there. Raises ``TaskFailed``."""
        outputs = self._told()
        for name, declared in self._work.declared.items():
            if declared.type in _FILES and name not in outputs:
                path = self._file(name)
                if path is not None:
                    outputs[name] = _opened(path, declared)
        return outputs

    def _told(self) -> dict[str, Any]:
        outputs: dict[str, Any] = {}
        for line in self._lines.read_bytes().decode("utf-8", "replace").splitlines():
            name, equals, text = line.partition("=")
            name = name.strip()
            if not equals:
                if name:
                    raise TaskFailed("OutputError", f"{line[:80]!r} in $YAMLFLOW_OUTPUT is no `name=value`")
                continue
            declared = self._work.declared.get(name)
            if declared is None:
                known = ", ".join(f"`{one}`" for one in self._work.declared) or "none"
                raise TaskFailed("OutputError", f"output `{name[:80]}` was written, but the node declares {known}")
            outputs[name] = self._value(name, text, declared)
        return outputs

    def clear(self) -> None:
        """The lines go: what is in them is in the store, masked, or was of no use."""
        self._lines.unlink(missing_ok=True)

    def _value(self, name: str, text: str, declared: OutputDeclaration) -> Any:
        """A value of the declared type; nothing is guessed from how a text looks."""
        if declared.type in _FILES:
            return _opened(self._folder / text.strip(), declared)
        try:
            return _READERS.get(declared.type, json.loads)(text)
        except (ValueError, RecursionError):
            raise TaskFailed("OutputError", f"output `{name}` should be {declared.type}, but it is {text[:80]!r}") from None

    def _file(self, name: str) -> Path | None:
        """The file called ``name``, or ``name`` with an ending: in the attempt's folder, else in the command's if this attempt
        wrote it."""
        for folder, fresh in ((self._own, False), (self._folder, True)):
            files = [path for path in (folder / name, *sorted(folder.glob(f"{name}.*"))) if path.is_file()]
            files = [path for path in files if not fresh or self._is_new(path)]
            if len(files) > 1:
                names = ", ".join(path.name for path in files)
                raise TaskFailed(
                    "OutputError", f"output `{name}` could be any of {names}: say which, `{name}=FILE` in $YAMLFLOW_OUTPUT"
                )
            if files:
                return files[0]
        return None

    def _is_new(self, path: Path) -> bool:
        told = path.stat()
        return max(told.st_mtime, told.st_ctime) >= self._began - _GRAIN


def _opened(path: Path, declared: OutputDeclaration) -> Any:
    """A file is kept as it is; a table is read, so that whoever is given it gets a data frame."""
    if declared.type == "file" or not path.is_file():
        return path
    import pandas as pd

    readers: dict[str, Callable[[Path], Any]] = {".parquet": pd.read_parquet, ".csv": pd.read_csv, ".json": pd.read_json}
    reader = readers.get(path.suffix)
    if reader is None:
        raise TaskFailed("OutputError", f"a dataframe comes from a file .parquet, .csv or .json, not from {path.name}")
    try:
        return reader(path)
    except Exception as error:
        raise TaskFailed("OutputError", f"{path.name} cannot be read as a table: {error}") from None
