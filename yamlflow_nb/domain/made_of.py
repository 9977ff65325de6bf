"""What an executor says of a task whose result may be kept: the parts that it is made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


class NotKnown(Exception):
    """What a task depends on cannot be seen, so that no earlier result may stand for it; the message says what."""


@dataclass
class MadeOf:
    """``parts``: name → text, in place of the fields of that name (``code``, ``query``, ``module helpers``). ``files``: those
    that it names, by that name."""

    parts: dict[str, str] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    here: bool = False
    """The code runs in this process, where the files that it opens can be seen."""
