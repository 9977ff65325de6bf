"""A command that could not be done."""

from __future__ import annotations

from yamlflow_nb.domain.diagnostic import Diagnostic, DiagnosticError


class CommandError(DiagnosticError):
    """What was asked cannot be done; ``.diagnostics`` holds one finding with a ``YF7xx`` code."""

    def __init__(self, code: str, message: str, hint: str | None = None) -> None:
        super().__init__([Diagnostic(code, "error", message, hint=hint)])
