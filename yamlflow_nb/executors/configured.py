"""What most executors are made with."""

from __future__ import annotations

from yamlflow_nb.domain.ports.artifact_store import ArtifactStore
from yamlflow_nb.domain.ports.settings import NoSettings, Settings


class ConfiguredExecutor:
    """An executor that keeps large objects, and knows what is configured: connections, secrets, hosts."""

    api = 1

    def __init__(self, artifacts: ArtifactStore, settings: Settings | None = None) -> None:
        self.artifacts = artifacts
        self.settings = settings or NoSettings()
