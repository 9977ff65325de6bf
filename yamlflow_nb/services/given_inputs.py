"""Inputs as they are typed in a terminal or after ``%%pipeline`` → values."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from yamlflow_nb.language.durations import parse_duration
from yamlflow_nb.services.command_error import CommandError


def given_inputs(pairs: Iterable[str], option: str = "--input") -> dict[str, Any]:
    """``name=value`` pairs; a value is JSON where it can be read as such, else a text. Raises ``CommandError`` (YF712)."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise CommandError("YF712", f"{option} wants name=value, not {pair!r}", f"for example {option} month=3")
        found[name] = value_of(value)
    return found


def assigned(pair: str) -> tuple[str, Any]:
    """``name=value`` as it is typed after ``set-variable``. Raises ``CommandError`` (YF712)."""
    name, separator, value = pair.partition("=")
    if not separator or not name:
        raise CommandError("YF712", f"a variable is given as name=value, not {pair!r}", "for example pipeline.input.month=3")
    return name, value_of(value)


def given_age(text: str | None) -> float | None:
    """Seconds of an age such as ``30d``. Raises ``CommandError`` (YF712)."""
    seconds = None if text is None else parse_duration(text)
    if text is not None and seconds is None:
        raise CommandError("YF712", f"{text!r} is no age", "for example 12h, 30d")
    return seconds


def value_of(text: str) -> Any:
    """The JSON value that a text is, else the text itself."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
