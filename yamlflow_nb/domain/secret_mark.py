"""What an expression gets for ``secrets.name``: a mark. The secret itself is put in by the task, and is never in a state."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from yamlflow_nb.domain.names import Absent, Namespace

_MARK = re.compile("\x00secret:([A-Za-z][A-Za-z0-9_]*)\x00")


class SecretNames(Namespace):
    """``secrets.*``, legal in ``env`` and ``connection`` only (a check of the language sees to that)."""

    __slots__ = ()

    def member(self, key: str) -> Any:
        mark = f"\x00secret:{key}\x00"
        return mark if _MARK.fullmatch(mark) else Absent(f"secrets.{key}")


def revealed(text: str, secret: Callable[[str], str]) -> str:
    """A text with its marks replaced by what ``secret`` gives for their names."""
    return _MARK.sub(lambda found: secret(found[1]), text)
