"""A pipeline as it is given: YAML text, a path, or a definition that was read before."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Union

from yamlflow_nb.domain.diagnostic import DefinitionError, Diagnostic
from yamlflow_nb.domain.pipeline_definition import PipelineDefinition
from yamlflow_nb.services.command_error import CommandError

Source = Union[str, "os.PathLike[str]", PipelineDefinition]


@dataclass(frozen=True)
class PipelineSource:
    """The text of a definition, the name under which messages speak of it, and the folder that its paths count from."""

    text: str | bytes
    name: str
    folder: Path

    def read_file(self, name: str) -> str | None:
        """The text of a file that the definition names; None when there is none."""
        try:
            return (self.folder / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError, ValueError):
            return None


def read_source(source: Source, name: str | None = None, folder: str | Path | None = None) -> PipelineSource:
    """The text behind a source. A string is a path when it is one line that names a file or ends like one.

    Raises ``DefinitionError`` (YF705) for a path without a file, ``CommandError`` (YF710) for a definition without text.
    """
    if isinstance(source, PipelineDefinition):
        if source.document is None:
            raise CommandError("YF710", f"the definition of `{source.name}` was made without a text", "give its YAML text or path")
        origin = source.document.source
        path = Path(origin.name)
        beside = path.parent if path.is_file() else Path()
        return PipelineSource(origin.text, name or origin.name, Path(folder or beside).absolute())
    path_ = _as_path(source)
    if path_ is None:
        return PipelineSource(str(source), name or "<text>", Path(folder or "").absolute())
    try:
        data = path_.read_bytes()
    except OSError as error:
        why = "there is no such file" if isinstance(error, FileNotFoundError) else (error.strerror or "it cannot be read")
        raise DefinitionError([Diagnostic("YF705", "error", f"{path_}: {why}", hint=f"looked from {Path.cwd()}")]) from None
    return PipelineSource(data, name or str(path_), Path(folder or path_.parent).absolute())


def _as_path(source: str | os.PathLike[str]) -> Path | None:
    if not isinstance(source, str):
        return Path(source)
    line = source.strip()
    if not line or "\n" in line or "\r" in line or "\0" in line or len(line) > 4096:
        return None
    if line.lower().endswith((".yaml", ".yml")) or (": " not in line and not line.endswith(":") and line[0] not in "{[-"):
        return Path(line).expanduser()
    return None


def project_of(folder: Path) -> Path:
    """The project that a folder belongs to: the nearest one above with a ``yamlflow.toml``, else the folder itself."""
    for candidate in (folder, *folder.parents):
        if (candidate / "yamlflow.toml").is_file():
            return candidate
    return folder


def this_project() -> str:
    """The project of the folder in which somebody types."""
    return str(project_of(Path().absolute()))
