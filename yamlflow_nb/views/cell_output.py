"""One output of one cell, drawn again in its place, whatever the kernel does meanwhile."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any


class CellOutput:
    """The output of the cell that runs when this is made.

    Updates are sent with the header of that cell's own request and by the kernel's own way for messages of threads. What
    ``display`` and ``print`` do in a thread differs between kernels, and lands in the cell that runs last in some of them.
    """

    def __init__(self, shell: Any) -> None:
        self._publisher = shell.display_pub
        self._parent = dict(getattr(self._publisher, "parent_header", None) or {})
        self._id = secrets.token_hex(16)
        self._shown = False

    @property
    def is_live(self) -> bool:
        """Whether it can be drawn again: in a kernel, and where nobody catches outputs (``%%capture``)."""
        return getattr(self._publisher, "session", None) is not None

    def show(self, data: Mapping[str, Any]) -> None:
        """Draw it the first time, from the cell's thread; then again, from any."""
        if self._shown:
            self._update(dict(data))
            return
        self._shown = True
        transient = {"display_id": self._id} if self.is_live else None
        self._publisher.publish(data=dict(data), metadata={}, transient=transient)

    def _update(self, data: dict[str, Any]) -> None:
        if not self.is_live:
            return
        content = {"data": data, "metadata": {}, "transient": {"display_id": self._id}}
        session, topic = self._publisher.session, self._publisher.topic
        session.send(self._publisher.pub_socket, "update_display_data", content, parent=self._parent, ident=topic)
