"""What of a task's outputs is kept by value, and what by reference."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from yamlflow_nb.domain.ports.artifact_store import ArtifactStore
from yamlflow_nb.domain.task_definition import OutputDeclaration
from yamlflow_nb.domain.work import TaskFailed

INLINE_BYTES = 64 * 1024
"""Larger values become references."""
INLINE_BYTES_OF_A_NODE = 1024 * 1024
_BY_REFERENCE = frozenset({"any", "file", "object"})
"""Declared types under which a reference to a large value may stand."""


def keep_outputs(
    outputs: Mapping[str, Any], declared: Mapping[str, OutputDeclaration], artifacts: ArtifactStore, folder: Path
) -> dict[str, Any]:
    """The outputs as they can be stored: data frames, series, paths and large values as references.

    Raises ``TaskFailed`` of kind ``OutputError`` that names the output which cannot be kept. ``folder`` takes what has to
    lie in a file on its way into the artifacts.
    """
    kept: dict[str, Any] = {}
    inline = 0
    for name, value in outputs.items():
        if not isinstance(name, str):
            raise TaskFailed("OutputError", f"output names are texts, but one is {name!r}")
        declaration = declared.get(name)
        kept[name], size = _kept(name, value, declaration.type if declaration is not None else "any", artifacts, folder)
        inline += size
    if inline > INLINE_BYTES_OF_A_NODE:
        raise TaskFailed(
            "OutputError", f"the outputs are {_size(inline)} together; at most {_size(INLINE_BYTES_OF_A_NODE)} are kept as values"
        )
    return kept


def _kept(name: str, value: Any, declared: str, artifacts: ArtifactStore, folder: Path) -> tuple[Any, int]:
    from yamlflow_nb.infrastructure.store.typed_json import UnkeepableValue, dumps, loads

    if isinstance(value, Path) or _is_tabular(value):
        return _reference(name, value, artifacts), 0
    if isinstance(value, (str, bytes, bytearray)) and len(value) > INLINE_BYTES:
        return _large(name, value, declared, artifacts, folder), 0
    try:
        text = dumps(value)
    except UnkeepableValue as error:
        raise TaskFailed("OutputError", f"output `{name}` cannot be kept: {error}") from None
    except RecursionError:
        raise TaskFailed("OutputError", f"output `{name}` cannot be kept: it is nested too deeply") from None
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > INLINE_BYTES:
        return _large(name, text, declared, artifacts, folder, ".json"), 0
    # As it will come back from the store: numpy's numbers plain, and no longer the task's own object to change.
    return loads(text), size


def _large(
    name: str, value: str | bytes | bytearray, declared: str, artifacts: ArtifactStore, folder: Path, suffix: str = ""
) -> dict[str, Any]:
    """A large value goes by way of a file."""
    data = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else bytes(value)
    if declared not in _BY_REFERENCE:
        limit = _size(INLINE_BYTES)
        raise TaskFailed(
            "OutputError",
            f"output `{name}` is {_size(len(data))}: beyond {limit} a value is kept as a file, but `{name}` is declared {declared}",
        )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"output-{name}{suffix or ('.txt' if isinstance(value, str) else '.bin')}"
    path.write_bytes(data)
    return _reference(name, path, artifacts)


def _reference(name: str, value: Any, artifacts: ArtifactStore) -> dict[str, Any]:
    try:
        return artifacts.keep(value)
    except FileNotFoundError:
        raise TaskFailed("OutputError", f"output `{name}` names a file that is not there: {value}") from None
    except Exception as error:
        raise TaskFailed("OutputError", f"output `{name}` cannot be kept: {error or type(error).__name__}") from error


def _is_tabular(value: Any) -> bool:
    """A data frame or series, told by its class, so that nothing heavy is loaded to find out that it is none."""
    kind = type(value)
    return kind.__name__ in ("DataFrame", "Series") and kind.__module__.partition(".")[0] in ("pandas", "polars")


def _size(count: int) -> str:
    return f"{count / 1024 / 1024:.1f} MiB" if count >= 1024 * 1024 else f"{count / 1024:.0f} KiB"
