"""What of a task's outputs is kept by value, and what by reference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from yamlflow_nb.domain.ports.artifact_store import ArtifactStore
from yamlflow_nb.domain.task_definition import OutputDeclaration
from yamlflow_nb.domain.typed_json import SMALL_BYTES, UnkeepableValue, dumps, is_small, loads
from yamlflow_nb.domain.variable import is_tabular, type_of
from yamlflow_nb.domain.work import TaskFailed

INLINE_BYTES = 64 * 1024
"""Larger values become references."""
INLINE_BYTES_OF_A_NODE = 1024 * 1024
_BY_REFERENCE = frozenset({"any", "file", "object"})
"""Declared types under which a reference to a large value may stand."""
PLAIN_KINDS = "biufcSUmM"
"""Of numpy's types those whose arrays hold no objects."""
_ARRAY_ITEMS = 100
"""A longer array of numpy is kept as such, in a file, unless it is declared ``array``."""


class _Kept:
    """One output: its value and how large that is, or what will make a reference of it."""

    def __init__(self, value: Any = None, size: int = 0, refer: Callable[[], dict[str, Any]] | None = None) -> None:
        self.value = value
        self.size = size
        self.refer = refer


def keep_outputs(
    outputs: Mapping[str, Any],
    declared: Mapping[str, OutputDeclaration],
    artifacts: ArtifactStore,
    folder: Callable[[], Path],
) -> dict[str, Any]:
    """The outputs as they can be stored: data frames, series, paths, long arrays and large values as references.

    Raises ``TaskFailed`` of kind ``OutputError`` that names the output which cannot be kept, before anything is written.
    ``folder`` gives the one that takes what has to lie in a file on its way into the artifacts.
    """
    small = {name: value for name, value in outputs.items() if type(name) is str and is_small(value)}
    if len(small) == len(outputs) <= INLINE_BYTES_OF_A_NODE // SMALL_BYTES:
        return small
    found: dict[str, _Kept] = {}
    for name, value in outputs.items():
        if not isinstance(name, str):
            raise TaskFailed("OutputError", f"output names are texts, but one is {name!r}")
        declaration = declared.get(name)
        found[name] = _looked_at(name, value, declaration.type if declaration is not None else "any", artifacts, folder)
    inline = sum(kept.size for kept in found.values())
    if inline > INLINE_BYTES_OF_A_NODE:
        raise TaskFailed(
            "OutputError", f"the outputs are {_size(inline)} together; at most {_size(INLINE_BYTES_OF_A_NODE)} are kept as values"
        )
    return {name: kept.value if kept.refer is None else kept.refer() for name, kept in found.items()}


def _looked_at(name: str, value: Any, declared: str, artifacts: ArtifactStore, folder: Callable[[], Path]) -> _Kept:
    if isinstance(value, Path):
        if not value.is_file():
            raise TaskFailed("OutputError", f"output `{name}` names a file that is not there: {value}")
        return _Kept(refer=partial(_reference, name, value, artifacts))
    if is_tabular(value):
        return _Kept(refer=partial(_reference, name, value, artifacts))
    if _is_long_array(value) and declared != "array":
        return _Kept(refer=partial(_array, name, value, artifacts, folder))
    if isinstance(value, (bytes, bytearray)) and len(value) > INLINE_BYTES:
        return _large(name, value, bytes(value), "bytes", declared, artifacts, folder)
    if type(value) is str and len(value) > INLINE_BYTES and value.isascii():
        return _large(name, value, value.encode(), "string", declared, artifacts, folder)
    text = _text(name, value)
    size = len(text)
    if size > INLINE_BYTES:
        data = value.encode() if isinstance(value, str) else text.encode()
        return _large(name, value, data, "string" if isinstance(value, str) else "json", declared, artifacts, folder)
    # As it will come back from the store: numpy's numbers plain, and no longer the task's own object to change.
    return _Kept(loads(text), size)


def _text(name: str, value: Any) -> str:
    try:
        return dumps(value, entering=True)
    except UnkeepableValue as error:
        raise TaskFailed("OutputError", f"output `{name}` cannot be kept: {error}") from None
    except RecursionError:
        raise TaskFailed("OutputError", f"output `{name}` cannot be kept: it is nested too deeply") from None


_ENDINGS = {"string": ".txt", "bytes": ".bin", "json": ".json"}


def _large(
    name: str, value: Any, data: bytes, form: str, declared: str, artifacts: ArtifactStore, folder: Callable[[], Path]
) -> _Kept:
    """A large value goes by way of a file; ``of`` tells readers to give the value back, not the file."""
    if declared not in _BY_REFERENCE:
        limit = _size(INLINE_BYTES)
        raise TaskFailed(
            "OutputError",
            f"output `{name}` is {_size(len(data))}: beyond {limit} a value is kept as a file, but `{name}` is declared {declared}",
        )

    def refer() -> dict[str, Any]:
        path = _made(folder) / f"output-{name}{_ENDINGS[form]}"
        path.write_bytes(data)
        return {**_reference(name, path, artifacts), "of": form, "type": "bytes" if form == "bytes" else type_of(value)}

    return _Kept(refer=refer)


def _array(name: str, value: Any, artifacts: ArtifactStore, folder: Callable[[], Path]) -> dict[str, Any]:
    """An array in numpy's own format, which can hold no objects: reading it runs no code."""
    import numpy as np

    path = _made(folder) / f"output-{name}.npy"
    np.save(path, value, allow_pickle=False)
    shape = [int(length) for length in value.shape]
    return {**_reference(name, path, artifacts), "of": "array", "type": "array", "dtype": str(value.dtype), "shape": shape}


def _made(folder: Callable[[], Path]) -> Path:
    made = folder()
    made.mkdir(parents=True, exist_ok=True)
    return made


def _reference(name: str, value: Any, artifacts: ArtifactStore) -> dict[str, Any]:
    try:
        return artifacts.keep(value)
    except FileNotFoundError:
        raise TaskFailed("OutputError", f"output `{name}` names a file that is not there: {value}") from None
    except Exception as error:
        raise TaskFailed("OutputError", f"output `{name}` cannot be kept: {error or type(error).__name__}") from error


def _is_long_array(value: Any) -> bool:
    kind = type(value)
    is_array = kind.__module__ == "numpy" and kind.__name__ == "ndarray"
    return is_array and value.size > _ARRAY_ITEMS and value.dtype.kind in PLAIN_KINDS


def _size(count: int) -> str:
    return f"{count / 1024 / 1024:.1f} MiB" if count >= 1024 * 1024 else f"{count / 1024:.0f} KiB"
