"""Where large objects lie: in a folder beside the store, or, as ``[artifacts]`` says, also in an object store."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from yamlflow_nb.infrastructure.artifacts import LocalArtifacts
from yamlflow_nb.infrastructure.configuration import ConfigurationError, ConfiguredSettings, configuration

URL = "YAMLFLOW_ARTIFACTS_URL"
_SECRET = re.compile(r"\{\{\s*secrets\.([A-Za-z][A-Za-z0-9_]*)\s*\}\}")


def artifact_place(folder: Path, project: Path) -> LocalArtifacts:
    """The artifact store for a project, with ``folder`` on this machine: ``YAMLFLOW_ARTIFACTS_URL``, else ``[artifacts]`` with
    ``url`` and, for fsspec, further fields; secrets by ``{{ secrets.name }}``. Raises ``ConfigurationError``."""
    told = configuration(project).get("artifacts", {})
    if not isinstance(told, Mapping):
        raise ConfigurationError('`artifacts` is no table in the configuration: [artifacts] with url = "s3://bucket/folder"')
    url = os.environ.get(URL) or told.get("url")
    if not url:
        return LocalArtifacts(folder)
    if not isinstance(url, str):
        raise ConfigurationError("`url` of [artifacts] is no text")
    from yamlflow_nb.infrastructure.remote_artifacts import RemoteArtifacts

    options = {name: _resolved(value, project) for name, value in told.items() if name != "url"}
    return RemoteArtifacts(url, folder, options)


def _resolved(value: Any, project: Path) -> Any:
    if isinstance(value, Mapping):
        return {name: _resolved(item, project) for name, item in value.items()}
    found = _SECRET.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        return value
    secret = ConfiguredSettings().secret(project, found[1])
    if secret is None:
        variable = f"YAMLFLOW_SECRET_{found[1].upper()}"
        raise ConfigurationError(f"[artifacts] names the secret `{found[1]}`, and there is none: set {variable}")
    return secret
