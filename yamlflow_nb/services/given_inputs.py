"""Inputs as they are typed in a terminal or after ``%%pipeline`` → values."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from yamlflow_nb.services.command_error import CommandError


def given_inputs(pairs: Iterable[str]) -> dict[str, Any]:
    """``name=value`` pairs; a value is JSON where it can be read as such, else a text. Raises ``CommandError`` (YF712)."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise CommandError("YF712", f"--input wants name=value, not {pair!r}", "for example --input month=3")
        found[name] = value_of(value)
    return found


def value_of(text: str) -> Any:
    """The JSON value that a text is, else the text itself."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
