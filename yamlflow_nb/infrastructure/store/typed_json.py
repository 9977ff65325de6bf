"""Values as the store writes them: the one encoding of ``domain.typed_json``."""

from __future__ import annotations

from yamlflow_nb.domain.typed_json import UnkeepableValue, dumps, loads

__all__ = ["UnkeepableValue", "dumps", "loads"]
