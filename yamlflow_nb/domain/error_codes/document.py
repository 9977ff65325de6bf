"""Codes of this room: one row each."""

from __future__ import annotations

from yamlflow_nb.domain.error_codes import ErrorCode

CODES: dict[str, ErrorCode] = {}
