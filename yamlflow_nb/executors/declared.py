"""What a task left under its declared names → outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from yamlflow_nb.domain.ports.artifact_store import ArtifactStore
from yamlflow_nb.domain.work import Work


def is_reference(value: Any) -> bool:
    """Whether a value stands for a file or a table that lies elsewhere."""
    return isinstance(value, Mapping) and "path" in value and "sha256" in value


def opened(inputs: Mapping[str, Any], artifacts: ArtifactStore) -> dict[str, Any]:
    """Inputs as a program wants them: references are the objects that they stand for."""
    return {name: artifacts.read(dict(value)) if is_reference(value) else value for name, value in inputs.items()}


def declared_outputs(found: Mapping[str, Any], work: Work) -> dict[str, Any]:
    """The declared names among those that a program left; a text under a declared ``file`` is the file's path, relative to the
    pipeline's folder."""
    outputs: dict[str, Any] = {}
    for name, declaration in work.declared.items():
        if name in found:
            value = found[name]
            outputs[name] = work.folder / value if declaration.type == "file" and isinstance(value, str) else value
    return outputs
