"""The part of an ``Execution`` by which people decide on its approvals."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from typing_extensions import Self

from yamlflow_nb.domain.approval import Asked
from yamlflow_nb.loop.run import Run
from yamlflow_nb.services.deciding import asked_at, decision, open_approvals, typed_texts
from yamlflow_nb.services.desk import QUARANTINED, Desk, set_aside, user


class Approvable(ABC):
    """Approve, reject, and what is asked. ``is_taken_in`` says of the last decision whether the owner has it: one that was
    given while nobody drove the execution waits in the store for the next owner."""

    _desk: Desk
    is_taken_in = True

    @abstractmethod
    def _current(self) -> Run: ...

    @abstractmethod
    def _standing(self) -> tuple[str, str | None]: ...

    @property
    def approvals(self) -> list[Asked]:
        """What is asked of people now."""
        run = self._current()
        with run.lock:
            return open_approvals(run.state)

    def approve(
        self,
        node: str | None = None,
        form: Mapping[str, Any] | None = None,
        *,
        action: str | None = None,
        comment: str = "",
        item: int | None = None,
        shown: str | None = None,
        **fields: Any,
    ) -> Self:
        """Approve, as the user of this process: ``execution.approve("review", amount=10)``. ``node`` may be left out where one
        approval waits. ``form`` and further names are the form's values. ``shown`` is the hash of what was looked at
        (``approvals``): with another one now it is refused. Raises ``CommandError``: YF740 it does not wait, YF741 it is decided,
        YF742 not yours to decide, YF743 changed since, YF744 the form, YF745 the action, YF746 several could be meant, YF747 it
        cannot be shown."""
        return self.decide(node, False, action, {**(form or {}), **fields}, comment, item, shown)

    def reject(
        self,
        node: str | None = None,
        comment: str = "",
        *,
        action: str | None = None,
        item: int | None = None,
        shown: str | None = None,
    ) -> Self:
        """Reject: the node fails with reason ``rejected``. Everything else as for ``approve``."""
        return self.decide(node, True, action, {}, comment, item, shown)

    def decide(
        self,
        node: str | None,
        rejects: bool,
        action: str | None,
        form: Mapping[str, Any],
        comment: str,
        item: int | None,
        shown: str | None,
        texts: Mapping[str, str] | None = None,
    ) -> Self:
        """Both. ``texts`` are values of the form as they were typed."""
        if self._standing()[1] == QUARANTINED:
            raise set_aside(self._current().id)
        run = self._current()
        with run.lock:
            asked = asked_at(run, node, item)
        if not rejects:
            self._desk.message_of(asked)
        values = typed_texts(asked, form, texts or {})
        self.is_taken_in = self._desk.decide(
            run, decision(asked, user(), rejects, action, values, comment, shown, self._desk.now())
        )
        return self
