"""What a store may refuse, by kind: who meets one knows from its class whether to try again, to wait or to give up."""

from __future__ import annotations

from collections.abc import Iterable

from yamlflow_nb.domain.diagnostic import Diagnostic, DiagnosticError


class StoreError(DiagnosticError):
    """The store could not do what was asked; ``.diagnostics`` holds one finding with a ``YF6xx`` code."""

    code = "YF600"

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__([Diagnostic(self.code, "error", message, hint=hint)])


class StoreBusy(StoreError):
    """Another process holds the store's one writing place. Nothing was written: try again."""

    code = "YF601"


class StoreTimeout(StoreBusy):
    """No answer in time: the call may have been carried out or not. Every call of the store may be made twice."""


class StoreFull(StoreError):
    """No room on the disk. Nothing was written; what was to be written is kept in memory until there is room."""

    code = "YF602"


class OwnershipLost(StoreError):
    """Another process took the execution over: what this one wanted to write counts no more."""

    code = "YF603"

    def __init__(self, executions: Iterable[str], message: str | None = None) -> None:
        self.executions = frozenset(executions)
        names = ", ".join(f"`{name}`" for name in sorted(self.executions))
        super().__init__(message or f"{names} is driven by another process now", "yamlflow show follows it")


class StoreMoved(StoreError):
    """The store's file was deleted, moved or replaced while it was open: nothing is written into a file that is gone."""

    code = "YF604"


class StoreDamaged(StoreError):
    """The file is no longer a sound database: it is not written to any more."""

    code = "YF605"


class StoreVersionError(StoreError):
    """The store has a schema that this version cannot use."""

    code = "YF606"


class StoreReadOnly(StoreError):
    """The store can be looked at, but not written to."""

    code = "YF607"


class UnreadableRecord(StoreError):
    """A stored row that cannot be read: its execution is set aside, the others are not touched."""

    code = "YF608"


class KeyTaken(StoreError):
    """Another execution was started under the same idempotency key."""

    code = "YF609"
